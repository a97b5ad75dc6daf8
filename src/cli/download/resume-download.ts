// The check of FILE.partial before a download resumes: its bytes must be those that its state describes.
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { invalidField } from '../../core/errors.js'
import { isTrusted } from '../files/path-checks.js'
import { type Sha256, sha256 } from '../files/sha256.js'
import { type DownloadState, type Range, readState } from './download-state.js'

/** Throws INVALID_REQUEST if --resume would refuse the file for a reason that shows without reading it. */
export async function checkResumable(partial: string, range: Range): Promise<void> {
  const file = await open(partial, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    stateToResume(await file.stat(), { partial, state: await readState(`${partial}.state`), range })
  } finally {
    await file.close()
  }
}

/** Opens the file for writing, checked; throws INVALID_REQUEST if an earlier run did not write it for this range. */
export async function reopenPartial(partial: string, range: Range) {
  const state = await readState(`${partial}.state`)
  const file = await open(partial, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    const checksum = await verify(file, { partial, state, range })
    await file.chmod(0o600)
    return { file, checksum, ...(state && { earlier: state }) }
  } catch (error) {
    await file.close()
    throw error
  }
}

interface PartialDownload {
  partial: string
  state: DownloadState | undefined
  range: Range
}

/** Hashes the bytes that the state vouches for and truncates the file after them; throws INVALID_REQUEST if they differ. */
async function verify(file: FileHandle, download: PartialDownload): Promise<Sha256> {
  const state = stateToResume(await file.stat(), download)
  const checksum = sha256()
  for await (const chunk of readUpTo(file, state.bytes)) checksum.update(chunk)
  if (checksum.hex() !== state.sha256) throw cannotResume(`${download.partial} was changed`, download)
  await file.truncate(state.bytes)
  return checksum
}

function cannotResume(reason: string, { partial }: PartialDownload): Error {
  return invalidField('--out', `${reason}; remove ${partial} to start over`)
}

/** The state to resume from; without one, that of an empty file. */
function stateToResume(found: Stats, download: PartialDownload): Range & Pick<DownloadState, 'bytes' | 'sha256'> {
  const { partial, range } = download
  const state = download.state ?? { bytes: 0, ...range, sha256: sha256().hex() }
  // The bytes count as verified, since they were verified on arrival. No later check would notice another writer.
  if (!isTrusted(found)) throw cannotResume(`other users may have written ${partial}`, download)
  if (download.state === undefined && found.size > 0) throw cannotResume(`${partial} has no state file`, download)
  if (state.offset !== range.offset || state.length !== range.length) {
    const flags = `--offset ${state.offset}${state.length > 0 ? ` --length ${state.length}` : ''}`
    throw cannotResume(`${partial} was begun with ${flags}`, download)
  }
  return state
}

async function* readUpTo(file: FileHandle, end: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(1024 * 1024)
  for (let at = 0; at < end; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at), at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
