import { expect } from 'chai'
import { fileError } from '../../../../src/backend/engines/files/fs-errors.js'
import { VaultError } from '../../../../src/core/errors.js'

describe('fileError', () => {
  it('turns a file system error into a store error without its path', () => {
    const thrown = Object.assign(new Error("EIO: i/o error, read '/parts/of/somebody'"), {
      code: 'EIO',
      syscall: 'read',
      path: '/parts/of/somebody',
    })
    const error = fileError(thrown) as VaultError
    expect(error.reason).to.equal('STORE_UNAVAILABLE')
    expect((error.cause as Error).message).to.equal('EIO: read')
    expect(error.cause).to.not.have.property('path')
  })

  it('leaves a bug and a VaultError as they are', () => {
    const bug = Object.assign(new TypeError('no'), { code: 'ERR_INVALID_ARG_TYPE' })
    for (const thrown of [bug, new VaultError('PARTS_MISSING')]) expect(fileError(thrown)).to.equal(thrown)
  })
})
