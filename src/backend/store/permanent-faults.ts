// Errors of the dependencies of a back end that no retry mends: only an operator can. Every other error is transient. Front ends
// do not retry STORE_REFUSED, and the log has it at level error.
import { VaultError } from '../../core/errors.js'

/** What a back end keeps records in. */
type Dependency = 'S3' | 'MongoDB' | 'file system'

const noAccess = 'the user of the back end may not use its files: give backend.dataDir to that user'
const otherFile = 'another kind of file is in the place of a file or folder of the store'

/** The code of each permanent error, and what an operator must do: HTTP statuses and codes of S3, codes of MongoDB and of errno. */
const faults: Record<Dependency, Record<string, string>> = {
  S3: {
    301: 'the bucket is in another region than backend.parts.s3.region',
    403: 'S3 refuses the credentials, or they give no access to the bucket, or the clocks differ (docs/operations/parts.md)',
    404: 'there is no such bucket: make it, or correct backend.parts.s3',
    405: 'S3 does not allow a request that parts need: is backend.parts.s3.endpoint an S3 server?',
    501: 'S3 does not implement a request that parts need, such as a conditional write (If-None-Match): use another server',
    ExpiredToken: 'the session token in backend.parts.s3.credentialsFile has expired: renew it, and restart',
  },
  MongoDB: {
    13: "MongoDB's user lacks a right on the database of the vault; docs/operations/mongodb.md has the role it needs",
    18: 'MongoDB refuses the user or the password of the URI',
    20: 'MongoDB does not allow a command that the vault needs: is it a replica set?',
    59: 'MongoDB does not have a command that the vault needs: is its version supported (docs/operations/mongodb.md)?',
    115: 'MongoDB does not support a command that the vault needs (docs/operations/mongodb.md)',
    238: 'MongoDB does not implement a command that the vault needs (docs/operations/mongodb.md)',
  },
  'file system': {
    EACCES: noAccess,
    EPERM: noAccess,
    EROFS: 'the file system of backend.dataDir is read-only: mount it for writing',
    EISDIR: otherFile,
    ENOTDIR: otherFile,
    ELOOP: otherFile,
  },
}

/** STORE_REFUSED with words for an operator, if one of the codes is of a permanent error; undefined for a transient one. */
export function permanentFault(
  dependency: Dependency,
  codes: readonly unknown[],
  cause: unknown,
): VaultError | undefined {
  const code = codes.find((each) => Object.hasOwn(faults[dependency], String(each)))
  if (code === undefined) return undefined
  return new VaultError('STORE_REFUSED', { message: faults[dependency][String(code)] ?? '', cause })
}
