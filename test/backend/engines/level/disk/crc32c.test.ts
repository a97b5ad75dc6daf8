import { expect } from 'chai'
import { crc32c, maskedCrc32c } from '../../../../../src/backend/engines/level/disk/crc32c.js'

describe('CRC-32C', () => {
  it('has the values of RFC 3720, appendix B.4', () => {
    expect(crc32c(Buffer.alloc(32))).to.equal(0x8a9136aa)
    expect(crc32c(Buffer.alloc(32, 0xff))).to.equal(0x62a8ab43)
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, at) => at)))).to.equal(0x46dd794e)
    expect(crc32c(Buffer.from('123456789'))).to.equal(0xe3069283)
  })

  it('is masked as LevelDB masks it', () => {
    const crc = crc32c(Buffer.from('123456789'))
    const unmask = (masked: number) => {
      const rotated = (masked - 0xa282ead8) >>> 0
      return ((rotated >>> 17) | (rotated << 15)) >>> 0
    }
    expect(unmask(maskedCrc32c(Buffer.from('123456789')))).to.equal(crc)
  })
})
