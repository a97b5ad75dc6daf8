// Where the keyring lies. Only its owner may read it; it appears whole or not at all, and is never overwritten.
import { constants } from 'node:fs'
import { type FileHandle, link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { VaultError } from '../core/errors.js'
import type { RandomSource } from './crypto/random.js'
import { type Keyring, newKeyringText, parseKeyring } from './keyring.js'

const maxBytes = 1024 * 1024

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

function refusal(message: string, cause?: unknown): VaultError {
  return new VaultError('INVALID_REQUEST', { message, cause })
}

async function readOwned(path: string, file: FileHandle): Promise<Keyring> {
  const { mode, size } = await file.stat()
  if ((mode & 0o077) !== 0) {
    const found = (mode & 0o777).toString(8)
    throw refusal(`the keyring ${path} has mode ${found}, so others may read it: chmod 600 it`)
  }
  if (size > maxBytes) throw refusal(`the keyring ${path} is larger than ${maxBytes} bytes: is it a keyring?`)
  return parseKeyring(await file.readFile('utf8'))
}

/** The keyring in `path`; null when there is no such file. */
export async function readKeyring(path: string): Promise<Keyring | null> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY)
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null
    throw refusal(`cannot read the keyring ${path} (${codeOf(cause)})`, cause)
  }
  try {
    return await readOwned(path, file)
  } finally {
    await file.close()
  }
}

/** Makes a keyring in `path`; throws, and changes nothing, when there is one. */
export async function createKeyring(path: string, realm: string, random: RandomSource): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = `${path}.${random.bytes(8).toString('hex')}.tmp`
  try {
    await writeSynced(temporary, newKeyringText(realm, random))
    await link(temporary, path) // unlike rename, it fails when the name is taken
    await syncFolder(folder)
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw refusal(`there is a keyring in ${path}; it is left as it is`, cause)
    throw refusal(`cannot write the keyring ${path} (${codeOf(cause) ?? 'unknown'})`, cause)
  } finally {
    await unlink(temporary).catch(() => undefined) // gone already, or never made
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
