import { expect } from 'chai'
import { parseExpiry, parseTime } from '../../../src/cli/options/expiry.js'

describe('expiry', () => {
  it('is a time with its zone', () => {
    expect(parseTime('2027-01-01T00:00:00Z')).to.deep.equal(new Date(Date.UTC(2027, 0)))
    expect(parseTime('2028-02-29T23:59:59.123+05:30')).to.deep.equal(new Date('2028-02-29T18:29:59.123Z'))
    expect(parseExpiry('2027-01-01T00:00:00-01:00')).to.deep.equal(new Date(Date.UTC(2027, 0, 1, 1)))
  })

  it('is how long from now', () => {
    const units = { '90s': 90, '3m': 180, '12h': 43_200, '30d': 2_592_000, '2w': 1_209_600 }
    for (const [text, seconds] of Object.entries(units)) {
      const before = Date.now()
      expect(parseExpiry(text).getTime() - 1000 * seconds, text).to.be.within(before, Date.now())
    }
  })

  it('is nothing else', () => {
    const refused = ['', 'x', '30', 'd', '-3d', '3 d', '1.5h', '3y', '2027-01-01', '2027-01-01T00:00:00', '999999999w']
    const noTimes = ['2027-02-29T00:00:00Z', '2027-13-01T00:00:00Z', '2027-01-01T24:01:00Z', '2027-1-1T00:00:00Z']
    for (const text of [...refused, ...noTimes]) {
      expect(() => parseExpiry(text), text).to.throw('It must be a time with its zone')
    }
  })
})
