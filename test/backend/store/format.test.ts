import { expect } from 'chai'
import { missingStoreFormat, mustRaiseFormat, storeFormat } from '../../../src/backend/store/format.js'
import { VaultError } from '../../../src/core/errors.js'

describe('store format', () => {
  it('is taken as a number or as its text', () => {
    for (const stored of [storeFormat, '2', Buffer.from('2')]) expect(mustRaiseFormat(stored)).to.equal(false)
  })

  it('is to be raised when it is the one before', () => {
    for (const stored of [1, '1', Buffer.from('1')]) expect(mustRaiseFormat(stored)).to.equal(true)
  })

  it('is refused when it is another, with both formats', () => {
    for (const stored of [3, '3', 0, '']) {
      const message = `the store has format ${stored}; this version knows format 2`
      expect(() => mustRaiseFormat(stored))
        .to.throw(VaultError, message)
        .with.property('reason', 'STORE_FORMAT')
    }
  })

  it('has an error for a store that lacks it', () => {
    expect(missingStoreFormat('meta folder')).to.include({
      reason: 'STORE_FORMAT',
      message: 'the store has records but no format number; restore its meta folder from the same backup',
    })
  })
})
