// The keyring file. Only its owner may read it. It is created and changed atomically, and `createKeyring` never overwrites one.
import { lstat, realpath, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { linkNew, makePrivateFolder, syncFolder, writeSynced } from '../../core/durable-file.js'
import { VaultError } from '../../core/errors.js'
import { readOwnerOnly } from '../../core/secret-file.js'
import type { RandomSource } from '../crypto/random.js'
import { type Keyring, parseKeyring } from './keyring.js'
import { newKeyringText, textOf } from './keyring-checksum.js'
import { parseKeyringText } from './keyring-text.js'

const maxBytes = 1024 * 1024

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

function refusal(message: string, cause?: unknown): VaultError {
  return new VaultError('INVALID_REQUEST', { message, cause })
}

/** The text in `path`; null when there is no such file. */
async function readText(path: string): Promise<string | null> {
  try {
    const refuse = (problem: string) => refusal(`the keyring ${path} ${problem}`)
    const bytes = await readOwnerOnly({ path, holds: 'a keyring', maxBytes, refuse })
    return bytes === null ? null : bytes.toString('utf8')
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw refusal(`cannot read the keyring ${path} (${codeOf(cause) ?? 'unknown'})`, cause)
  }
}

/** The keyring in `path`; null if there is no such file. Throws INVALID_REQUEST, with the path, for a file that is not usable. */
export async function readKeyring(path: string): Promise<Keyring | null> {
  const text = await readText(path)
  return text === null ? null : naming(path, () => parseKeyring(text))
}

/** Adds the path to the error of a text that is no keyring. */
function naming<T>(path: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    const { reason, fields, message } = error
    throw new VaultError(reason, { message: `${path}: ${message}`, fields })
  }
}

/**
 * Gives the keyring in `path` new checksums, in place of missing or wrong ones; `check` may refuse the keyring first. Throws
 * INVALID_REQUEST for a file that is missing or not usable, and leaves it as it is.
 */
export async function writeChecksums(
  path: string,
  check: (keyring: Keyring) => Promise<void>,
  random: RandomSource,
): Promise<void> {
  const text = await readText(path)
  if (text === null) throw refusal(`there is no keyring in ${path}`)
  const renewed = naming(path, () => textOf(parseKeyringText(text)))
  await check(naming(path, () => parseKeyring(renewed)))
  const file = await realpath(path) // a link stays a link
  await writing(file, random, async (temporary) => {
    await writeSynced(temporary, renewed)
    await rename(temporary, file)
    await syncFolder(dirname(file))
  })
}

/** Creates a keyring in `path`; throws INVALID_REQUEST, and changes nothing, if the file exists. */
export async function createKeyring(path: string, realm: string, random: RandomSource): Promise<void> {
  const text = newKeyringText(realm, random)
  await writing(path, random, async (temporary) => {
    await makePrivateFolder(dirname(path))
    await writeSynced(temporary, text)
    await publish(temporary, path)
  })
}

/** Runs a write by way of a temporary file beside `path`, which it removes. */
async function writing(path: string, random: RandomSource, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${random.fill(Buffer.alloc(8)).toString('hex')}.tmp`
  try {
    await write(temporary)
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw refusal(`cannot write the keyring ${path} (${codeOf(cause) ?? 'unknown'})`, cause)
  } finally {
    await unlink(temporary).catch(() => undefined) // it may be gone already, or never made
  }
}

async function publish(temporary: string, path: string): Promise<void> {
  try {
    await linkNew(temporary, path)
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause
    const found = await lstat(path)
    const problem = found.isDirectory() ? 'is a folder: name a file in it' : 'is there already, and is left as it is'
    throw refusal(`${path} ${problem}`, cause)
  }
}
