// What a download that was interrupted has left: FILE.partial, as far as its state vouches for it.
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { invalidField } from '../../core/errors.js'
import { isOwn } from '../files/own-file.js'
import { type Sha256, sha256 } from '../files/sha256.js'
import { type DownloadState, type Range, readState } from './download-state.js'

/** Throws INVALID_REQUEST when --resume could not go on with it, for all that can be seen without reading it. */
export async function refuseMisfit(partial: string, range: Range): Promise<void> {
  const file = await open(partial, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    fitting(await file.stat(), { partial, before: await readState(`${partial}.state`), range })
  } finally {
    await file.close()
  }
}

/** Opens it, checked; throws INVALID_REQUEST when it is not what the earlier run wrote. */
export async function reopenPartial(partial: string, range: Range) {
  const before = await readState(`${partial}.state`)
  const file = await open(partial, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    const checksum = await checked(file, { partial, before, range })
    await file.chmod(0o600)
    return { file, checksum, ...(before && { before }) }
  } catch (error) {
    await file.close()
    throw error
  }
}

interface Left {
  partial: string
  before: DownloadState | undefined
  range: Range
}

/** Reads again what is there and cuts off what is not known to be whole; throws INVALID_REQUEST if it is not what it was. */
async function checked(file: FileHandle, left: Left): Promise<Sha256> {
  const begun = fitting(await file.stat(), left)
  const checksum = sha256()
  for await (const chunk of pieces(file, begun.bytes)) checksum.update(chunk)
  if (checksum.hex() !== begun.sha256) throw misfit(`${left.partial} was changed`, left)
  await file.truncate(begun.bytes)
  return checksum
}

function misfit(why: string, { partial }: Left): Error {
  return invalidField('--out', `${why}; remove ${partial} to begin again`)
}

/** What it was begun as. */
function fitting(found: Stats, left: Left): Range & Pick<DownloadState, 'bytes' | 'sha256'> {
  const { partial, before, range } = left
  const begun = before ?? { bytes: 0, ...range, sha256: sha256().hex() }
  // What is there counts as verified, as it was when it came: nothing after it would tell that somebody else wrote it.
  if (!isOwn(found)) throw misfit(`others than this user may have written ${partial}`, left)
  if (before === undefined && found.size > 0) throw misfit(`nothing says what is in ${partial}`, left)
  if (begun.offset !== range.offset || begun.length !== range.length) {
    const was = `--offset ${begun.offset}${begun.length > 0 ? ` --length ${begun.length}` : ''}`
    throw misfit(`${partial} was begun with ${was}`, left)
  }
  return begun
}

async function* pieces(file: FileHandle, end: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(1024 * 1024)
  for (let at = 0; at < end; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at), at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
