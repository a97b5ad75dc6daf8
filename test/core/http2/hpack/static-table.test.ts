import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { staticEntries, staticTable } from '../../../../src/core/http2/hpack/static-table.js'

/** Some entries with their index in RFC 7541 Appendix A. */
const known: [number, string, string][] = [
  [1, ':authority', ''],
  [3, ':method', 'POST'],
  [4, ':path', '/'],
  [6, ':scheme', 'http'],
  [8, ':status', '200'],
  [14, ':status', '500'],
  [16, 'accept-encoding', 'gzip, deflate'],
  [31, 'content-type', ''],
  [45, 'link', ''],
  [58, 'user-agent', ''],
  [61, 'www-authenticate', ''],
]

describe('hpack static table', () => {
  it('has its entries at the indexes of the RFC', () => {
    for (const [index, name, value] of known) {
      expect(staticTable.slice(2 * index, 2 * index + 2), `${index}`).to.deep.equal([name, value])
    }
  })

  it('has the digest of the table that was compared with the RFC', () => {
    expect(staticTable).to.have.length(2 * (staticEntries + 1))
    const digest = createHash('sha256')
    for (let index = 1; index <= staticEntries; index++) {
      digest.update(`${staticTable[2 * index]}: ${staticTable[2 * index + 1]}\n`)
    }
    expect(digest.digest('hex')).to.equal('e068ed84a5a3d28824dc910d55e700af8236a5744b77f384fb67b7f06b72fbb3')
  })
})
