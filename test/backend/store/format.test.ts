import { expect } from 'chai'
import { checkStoreFormat, missingStoreFormat, storeFormat } from '../../../src/backend/store/format.js'
import { VaultError } from '../../../src/core/errors.js'

describe('store format', () => {
  it('is taken as a number or as its text', () => {
    for (const stored of [storeFormat, '1', Buffer.from('1')]) checkStoreFormat(stored)
  })

  it('is refused when it is another, with both formats', () => {
    for (const stored of [2, '2', 0, '']) {
      const message = `the store has format ${stored}; this version knows format 1`
      expect(() => checkStoreFormat(stored))
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
