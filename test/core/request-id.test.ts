import { expect } from 'chai'
import { isRequestId, newRequestId, requestIdOf } from '../../src/core/request-id.js'

const malformed = ['', ' ', 'a b', 'a"b', 'a/b', 'a\u00e9', 'x'.repeat(65), '{"level":"error"}', '..\\..']

describe('request id', () => {
  it('makes ids that are well formed and differ', () => {
    const ids = Array.from({ length: 100 }, newRequestId)
    expect(new Set(ids).size).to.equal(100)
    expect(ids.every(isRequestId)).to.equal(true)
  })

  for (const id of ['a', 'A-z_0.9', 'x'.repeat(64)]) {
    it(`keeps the caller's ${id}`, () => expect(requestIdOf(id)).to.equal(id))
  }

  for (const id of malformed.filter((text) => /^[ -~]*$/.test(text))) {
    it(`replaces the caller's ${JSON.stringify(id)}`, () => {
      expect(requestIdOf(id)).to.match(/^[0-9a-f-]{36}$/)
    })
  }

  it('rejects ids that could forge a log line or break a header', () => {
    for (const id of [...malformed, 'a\n', '\na', 'a\r\nb', 'a\0', 'a\u2028']) {
      expect(isRequestId(id), JSON.stringify(id)).to.equal(false)
    }
  })

  it('makes an id for a caller without one', () => {
    expect(requestIdOf(undefined)).to.satisfy(isRequestId)
  })
})
