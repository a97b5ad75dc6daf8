// The file of a download. It grows as FILE.partial, which a later run can resume, and is renamed when it is whole. The state
// beside it (download-state.ts) is written only after a sync of the bytes that it describes; a resume truncates the rest.
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../../core/durable-file.js'
import { invalidField } from '../../core/errors.js'
import { placeFile, removeSecondName } from '../files/atomic-file.js'
import { fileExists } from '../files/path-checks.js'
import { partialExistsText } from '../files/resumable-file.js'
import { type Sha256, sha256 } from '../files/sha256.js'
import { type DownloadState, type Range, removeState, writeState } from './download-state.js'
import { checkResumable, reopenPartial } from './resume-download.js'

/** The version whose bytes are downloaded. */
export type DownloadedVersion = Pick<DownloadState, 'keyId' | 'version' | 'sizeBytes'>

/** An unfinished download. */
export interface DownloadFile {
  path: string
  /** The checked state of an earlier run; undefined if there is none. */
  earlier: DownloadState | undefined
  /** How many bytes of the range the file has. */
  readonly bytes: number
  sha256(): string
  /** Saves the version, before the first byte. */
  begin(record: DownloadedVersion): Promise<void>
  append(chunk: Buffer): Promise<void>
  /** Gives the file its final name. */
  publish(): Promise<void>
  /** Saves the state and resolves with how many bytes the next run can resume from. Removes an empty file. */
  close(): Promise<number>
}

interface DownloadOptions {
  path: string
  /** The unfinished file; FILE.partial by default. */
  partial?: string
  /** Whether the file may replace another one. */
  replace: boolean
  resume: boolean
  range: Range
}

const flag = '--out'
const checkpointBytes = 32 * 1024 * 1024

interface OpenPartial {
  file: FileHandle
  checksum: Sha256
  earlier?: DownloadState
}

/** Opens the unfinished file; throws INVALID_REQUEST if that file, or FILE, cannot be written. */
export async function openDownload(options: DownloadOptions): Promise<DownloadFile> {
  const { path, replace, resume, range } = options
  if ((await fileExists({ path, flag })) && !replace) throw invalidField(flag, `${path} exists; --force replaces it`)
  const partial = partialOf(options)
  await removeSecondName(partial)
  const exists = await fileExists({ path: partial, flag })
  if (exists && !resume) {
    await checkResumable(partial, range)
    throw invalidField(flag, partialExistsText(partial))
  }
  const opened = exists ? await reopenPartial(partial, range) : await createPartial(partial)
  await syncFolder(dirname(path))
  return downloadFile(opened, options)
}

async function createPartial(partial: string): Promise<OpenPartial> {
  await fileExists({ path: `${partial}.state`, flag }) // throws for a folder, which no state could replace
  return { file: await open(partial, 'ax', 0o600), checksum: sha256() }
}

function partialOf({ path, partial = `${path}.partial` }: DownloadOptions): string {
  return partial
}

/** Appends, and keeps track of how many bytes are known to be on disk. */
function checkpointedWriter({ file, checksum, earlier }: OpenPartial, options: DownloadOptions) {
  const statePath = `${partialOf(options)}.state`
  const { range } = options
  let record: DownloadedVersion | undefined = earlier
  let bytes = earlier?.bytes ?? 0
  let savedBytes = earlier?.bytes ?? -1

  async function save(): Promise<void> {
    if (record === undefined || bytes === savedBytes) return
    const { keyId, version, sizeBytes } = record
    await file.datasync()
    await writeState(statePath, { keyId, version, sizeBytes, ...range, bytes, sha256: checksum.hex() })
    savedBytes = bytes
  }

  return {
    bytes: () => bytes,
    async begin(described: DownloadedVersion) {
      record = described
      await save()
    },
    async append(chunk: Buffer) {
      await writeAt(file, chunk, bytes)
      checksum.update(chunk)
      bytes += chunk.length
      if (bytes - savedBytes >= checkpointBytes) await save()
    },
    /** Resolves with how many bytes the next run can resume from. */
    async keep(): Promise<number> {
      // On a full disk, the truncated half of a chunk is room for the state; if that fails too, the last state stands.
      await file.truncate(bytes)
      await save().catch(() => undefined)
      return Math.max(0, savedBytes)
    },
  }
}

function downloadFile(opened: OpenPartial, options: DownloadOptions): DownloadFile {
  const { file, checksum, earlier } = opened
  const { path, replace } = options
  const partial = partialOf(options)
  const { bytes, begin, append, keep } = checkpointedWriter(opened, options)
  let isPublished = false
  return {
    path: partial,
    earlier,
    get bytes() {
      return bytes()
    },
    sha256: () => checksum.hex(),
    begin,
    append,
    async publish() {
      await file.sync()
      await placeFile(partial, { path, flag, replace })
      isPublished = true // even if a sync fails: `close` must not write the state of a file that has moved
      await removeState(`${partial}.state`)
      for (const folder of new Set([path, partial].map(dirname))) await syncFolder(folder)
    },
    async close() {
      const kept = isPublished || bytes() === 0 ? 0 : await keep()
      await file.close()
      if (isPublished || bytes() > 0) return kept
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
