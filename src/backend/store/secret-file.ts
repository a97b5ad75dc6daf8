// A file that holds a secret of this service, so only its owner may read it, as with the keyring.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { VaultError } from '../../core/errors.js'
import { Secret } from '../../core/secret.js'
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

async function readOwned(secret: SecretFile, file: FileHandle): Promise<Secret> {
  const { mode, size } = await file.stat()
  if ((mode & 0o077) !== 0) {
    throw refusal(secret, `${secret.path} has mode ${(mode & 0o777).toString(8)}, so others may read it: chmod 600 it`)
  }
  if (size > maxBytes) throw refusal(secret, `${secret.path} is larger than ${maxBytes} bytes: is it ${secret.holds}?`)
  const bytes = await file.readFile()
  const text = bytes.toString('utf8').trim()
  bytes.fill(0)
  return new Secret(Buffer.from(text))
}

/** Reads the secret without the white space around it; throws INVALID_REQUEST with what to do about the file. */
export async function readSecretFile(secret: SecretFile): Promise<Secret> {
  const { path, holds } = secret
  if (path === '') throw refusal(secret, `must name the file that holds ${holds}`)
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY)
  } catch (cause) {
    // Without its cause, whose words have the path.
    throw refusal(secret, `cannot read ${redactPath(path)} (${(cause as NodeJS.ErrnoException).code})`)
  }
  try {
    return await readOwned(secret, file)
  } finally {
    await file.close()
  }
}
