// The files that hold a secret of the back end, such as a password. Only their owner may read them.
import { VaultError } from '../../core/errors.js'
import { Secret } from '../../core/secret.js'
import { readOwnerOnly, redactPath } from '../../core/secret-file.js'

const maxBytes = 64 * 1024

/** The file, and the words for it in error messages. */
export interface SecretFile {
  path: string
  /** The setting that names the file, for messages. */
  setting: string
  /** The contents, for messages: `the MongoDB URI`. */
  holds: string
}

function refusal({ setting }: SecretFile, message: string): VaultError {
  return new VaultError('INVALID_REQUEST', { message: `${setting}: ${message}` })
}

/** Reads the secret and trims white space; throws INVALID_REQUEST with advice for the file when it cannot be used. */
export async function readSecretFile(secret: SecretFile): Promise<Secret> {
  const { path, holds } = secret
  if (path === '') throw refusal(secret, `must name the file that holds ${holds}`)
  const refuse = (problem: string) => refusal(secret, `${path} ${problem}`)
  const bytes = await readOwnerOnly({ path, holds, maxBytes, refuse }).catch((cause: unknown) => {
    if (cause instanceof VaultError) throw cause
    // Without the cause: its text quotes the path, which may be the secret itself.
    throw unreadable(secret, (cause as NodeJS.ErrnoException).code)
  })
  if (bytes === null) throw unreadable(secret, 'ENOENT')
  const text = bytes.toString('utf8').trim()
  bytes.fill(0)
  return new Secret(Buffer.from(text))
}

function unreadable(secret: SecretFile, code: string | undefined): VaultError {
  return refusal(secret, `cannot read ${redactPath(secret.path)} (${code})`)
}

/** Reads MongoDB's URI, which holds a password; throws INVALID_REQUEST as `readSecretFile` does. */
export function readMongoUri(path: string): Promise<Secret> {
  return readSecretFile({ path, setting: 'backend.mongodb.uriFile', holds: 'the MongoDB URI' })
}
