// What a download that was interrupted has left: FILE.partial, as far as its state vouches for it.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { invalidField } from '../core/errors.js'
import { type DownloadState, type Range, readState } from './download-state.js'
import { isOwn } from './own-file.js'
import { type Sha256, sha256 } from './sha256.js'

/** Opens it, checked; throws INVALID_REQUEST when it is not what the earlier run wrote. */
export async function takeUp(partial: string, range: Range) {
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
async function checked(file: FileHandle, { partial, before, range }: Left): Promise<Sha256> {
  const found = await file.stat()
  const { size } = found
  const begun = before ?? { bytes: 0, ...range, sha256: sha256().hex() }
  const advice = `remove ${partial} to begin again`
  // What is there counts as verified, as it was when it came: nothing after it would tell that somebody else wrote it.
  if (!isOwn(found)) throw invalidField('--resume', `others than this user may have written ${partial}; ${advice}`)
  if (before === undefined && size > 0) throw invalidField('--resume', `nothing says what is in ${partial}; ${advice}`)
  if (begun.offset !== range.offset || begun.length !== range.length) {
    const was = `--offset ${begun.offset}${begun.length > 0 ? ` --length ${begun.length}` : ''}`
    throw invalidField('--resume', `${partial} was begun with ${was}; ${advice}`)
  }
  const checksum = sha256()
  for await (const chunk of pieces(file, begun.bytes)) checksum.update(chunk)
  if (checksum.hex() !== begun.sha256) throw invalidField('--resume', `${partial} was changed; ${advice}`)
  await file.truncate(begun.bytes)
  return checksum
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
