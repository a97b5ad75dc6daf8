// A file that holds a secret of this service, so only its owner may read it, as with the keyring.
import { VaultError } from '../../core/errors.js'
import { Secret } from '../../core/secret.js'
import { readOwnerOnly } from '../../core/secret-file.js'
import { redactPath } from '../../core/tls/redact-path.js'

const maxBytes = 64 * 1024

export interface SecretFile {
  path: string
  /** The setting that names it, for messages. */
  setting: string
  /** What it holds, such as `the MongoDB URI`. */
  holds: string
}

function refusal({ setting }: SecretFile, message: string): VaultError {
  return new VaultError('INVALID_REQUEST', { message: `${setting}: ${message}` })
}

/** Reads the secret without the white space around it; throws INVALID_REQUEST with what to do about the file. */
export async function readSecretFile(secret: SecretFile): Promise<Secret> {
  const { path, holds } = secret
  if (path === '') throw refusal(secret, `must name the file that holds ${holds}`)
  const refuse = (problem: string) => refusal(secret, `${path} ${problem}`)
  const bytes = await readOwnerOnly({ path, holds, maxBytes, refuse }).catch((cause: unknown) => {
    if (cause instanceof VaultError) throw cause
    // Without its cause, whose words have the path.
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
