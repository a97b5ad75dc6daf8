import { expect } from 'chai'
import { permanentFault } from '../../../src/backend/store/permanent-faults.js'

describe('permanent faults', () => {
  const permanent = {
    S3: [301, 403, 404, 405, 501, 'ExpiredToken'],
    MongoDB: [13, 18, 20, 59, 115, 238],
    'file system': ['EACCES', 'EPERM', 'EROFS', 'EISDIR', 'ENOTDIR', 'ELOOP'],
  } as const
  const transient = {
    S3: [400, 409, 429, 500, 502, 503, 504, 'SlowDown', 'RequestTimeout'],
    MongoDB: [6, 7, 50, 64, 89, 91, 112, 189, 10107, 11600, 13435, undefined],
    'file system': ['EIO', 'EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'ESTALE', 'ETIMEDOUT', undefined],
  } as const
  for (const dependency of ['S3', 'MongoDB', 'file system'] as const) {
    for (const code of permanent[dependency]) {
      it(`${dependency} ${code}: only an operator can mend it, and the message says how`, () => {
        const cause = new Error('cause')
        const fault = permanentFault(dependency, ['another', code], cause)
        expect(fault).to.include({ reason: 'STORE_REFUSED', cause, retryAfterMs: undefined })
        expect(fault?.message).to.match(/^.{30,130}$/)
      })
    }
    it(`${dependency}: other codes are transient`, () => {
      for (const code of transient[dependency])
        expect(permanentFault(dependency, [code], undefined)).to.equal(undefined)
      expect(permanentFault(dependency, ['constructor'], undefined)).to.equal(undefined)
    })
  }
})
