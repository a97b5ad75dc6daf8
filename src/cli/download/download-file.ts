// Where a download goes: FILE.partial, which survives its program and gets its name when it is whole. Beside it lies how
// far it is (download-state.ts), written only when so much is on disk; what a kill or a power cut left after that is cut off.
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../../core/durable-file.js'
import { invalidField } from '../../core/errors.js'
import { isThere } from '../files/append-file.js'
import { putInPlace, removeSecondName } from '../files/atomic-file.js'
import { leftText } from '../files/resumable-file.js'
import { type Sha256, sha256 } from '../files/sha256.js'
import { type DownloadState, type Range, removeState, writeState } from './download-state.js'
import { refuseMisfit, reopenPartial } from './resume-download.js'

export interface DownloadFile {
  path: string
  /** What an earlier run has left, checked; undefined when there is nothing. */
  before: DownloadState | undefined
  /** How much of the range is there. */
  readonly bytes: number
  sha256(): string
  /** Says what is about to come; before anything is appended. */
  begin(record: Pick<DownloadState, 'keyId' | 'version' | 'sizeBytes'>): Promise<void>
  append(chunk: Buffer): Promise<void>
  /** Gives it its name. */
  publish(): Promise<void>
  /** Keeps what there is for the next run, and says how much that is; a file in which nothing is goes. */
  close(): Promise<number>
}

interface Opening {
  path: string
  /** Where it grows; FILE.partial unless it is said. */
  partial?: string
  /** Whether a file of that name may go. */
  replace: boolean
  resume: boolean
  range: Range
}

const flag = '--out'
const checkpointBytes = 32 * 1024 * 1024

interface Begun {
  file: FileHandle
  checksum: Sha256
  before?: DownloadState
}

export async function openDownload(opening: Opening): Promise<DownloadFile> {
  const { path, replace, resume } = opening
  if ((await isThere({ path, flag })) && !replace) throw invalidField(flag, `${path} exists; --force replaces it`)
  const partial = partialOf(opening)
  await removeSecondName(partial)
  const left = await isThere({ path: partial, flag })
  if (left && !resume) {
    await refuseMisfit(partial, opening.range)
    throw invalidField(flag, leftText(partial))
  }
  const begun = left ? await reopenPartial(partial, opening.range) : await beginNew(partial)
  await syncFolder(dirname(path))
  return downloadFile(begun, opening)
}

async function beginNew(partial: string): Promise<Begun> {
  await isThere({ path: `${partial}.state`, flag }) // nothing could take the place of a folder
  return { file: await open(partial, 'ax', 0o600), checksum: sha256() }
}

function partialOf({ path, partial = `${path}.partial` }: Opening): string {
  return partial
}

/** What has come so far, and how much of it is known to be on disk. */
function growth({ file, checksum, before }: Begun, opening: Opening) {
  const statePath = `${partialOf(opening)}.state`
  const { range } = opening
  let record: Parameters<DownloadFile['begin']>[0] | undefined = before
  let bytes = before?.bytes ?? 0
  let savedBytes = before?.bytes ?? -1

  async function save(): Promise<void> {
    if (record === undefined || bytes === savedBytes) return
    const { keyId, version, sizeBytes } = record
    await file.datasync()
    await writeState(statePath, { keyId, version, sizeBytes, ...range, bytes, sha256: checksum.hex() })
    savedBytes = bytes
  }

  return {
    bytes: () => bytes,
    async begin(described: Parameters<DownloadFile['begin']>[0]) {
      record = described
      await save()
    },
    async append(chunk: Buffer) {
      await writeAt(file, chunk, bytes)
      checksum.update(chunk)
      bytes += chunk.length
      if (bytes - savedBytes >= checkpointBytes) await save()
    },
    /** Resolves with how much the next run can rely on. */
    async keep(): Promise<number> {
      // On a full disk, what half a chunk took is room for the state; without any, the state before it stands.
      await file.truncate(bytes)
      await save().catch(() => undefined)
      return Math.max(0, savedBytes)
    },
  }
}

function downloadFile(begun: Begun, opening: Opening): DownloadFile {
  const { file, checksum, before } = begun
  const { path, replace } = opening
  const partial = partialOf(opening)
  const { bytes, begin, append, keep } = growth(begun, opening)
  let published = false
  return {
    path: partial,
    before,
    get bytes() {
      return bytes()
    },
    sha256: () => checksum.hex(),
    begin,
    append,
    async publish() {
      await file.sync()
      await putInPlace(partial, { path, flag, replace })
      published = true
      if (!replace) await unlink(partial)
      await removeState(`${partial}.state`)
      for (const folder of new Set([path, partial].map(dirname))) await syncFolder(folder)
    },
    async close() {
      const kept = published || bytes() === 0 ? 0 : await keep()
      await file.close()
      if (published || bytes() > 0) return kept
      await removeState(`${partial}.state`)
      await unlink(partial)
      return 0
    },
  }
}

async function writeAt(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, at, chunk.length - at, position + at)
    at += bytesWritten
  }
}
