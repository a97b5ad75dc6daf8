// A reader of LevelDB's log format (doc/log_format.md of LevelDB), which its logs and manifests share: blocks of 32 KiB with
// records of u32 masked CRC, u16 length, u8 type. LevelDB skips damage in a log without an error, so this scan finds it
// before LevelDB opens the database. It changes nothing.
import { type FileHandle, open } from 'node:fs/promises'
import { maskedCrc32c } from './crc32c.js'

/** The bytes of a log that LevelDB skips. */
export interface LogScan {
  /** Bytes of damaged records: their contents were durable once. */
  lostBytes: number
  /** Bytes of an incomplete last record. An ended process, or a cut file, leaves such a tail. */
  tornBytes: number
}

const blockBytes = 32 * 1024
const headerBytes = 7
const readBytes = 32 * blockBytes
const full = 1
const first = 2
const last = 4

/** Reads a log; calls `onRecord` with the contents of each intact record, in order. */
export async function scanLog(path: string, onRecord?: (record: Buffer) => void): Promise<LogScan> {
  const scan = recordScan(onRecord)
  const file = await open(path, 'r')
  try {
    for await (const { bytes, isLast } of blocksOf(file)) scanBlock(bytes, isLast, scan)
  } finally {
    await file.close()
  }
  return scan.result()
}

async function* blocksOf(file: FileHandle): AsyncGenerator<{ bytes: Buffer; isLast: boolean }> {
  const { size } = await file.stat()
  const buffer = Buffer.alloc(readBytes)
  for (let done = 0; done < size; ) {
    const { bytesRead } = await file.read(buffer, 0, readBytes, done)
    if (bytesRead === 0) return
    const whole = done + bytesRead < size ? bytesRead - (bytesRead % blockBytes) : bytesRead
    const read = whole === 0 ? bytesRead : whole
    for (let at = 0; at < read; at += blockBytes) {
      yield { bytes: buffer.subarray(at, Math.min(at + blockBytes, read)), isLast: done + at + blockBytes >= size }
    }
    done += read
  }
}

type RecordScan = ReturnType<typeof recordScan>

/** After a bad record LevelDB continues with the next block, and so does this scan. */
function scanBlock(block: Buffer, isLast: boolean, scan: RecordScan): void {
  for (let at = 0; at < block.length; ) {
    const rest = block.subarray(at)
    if (rest.length < headerBytes) {
      if (isLast && block.length < blockBytes) scan.torn(rest.length)
      return
    }
    const end = headerBytes + rest.readUInt16LE(4)
    const state = stateOf(rest, { end, isLast })
    if (state !== 'intact') {
      scan[state](rest.length)
      return
    }
    scan.record(rest[6] as number, rest.subarray(headerBytes, end))
    at += end
  }
}

/** The state of the record that begins here. A power failure may leave zeros where the last write was to be. */
function stateOf(rest: Buffer, { end, isLast }: { end: number; isLast: boolean }): 'intact' | 'lost' | 'torn' {
  const isZero = rest.readUInt32LE(0) === 0 && rest[6] === 0 && rest.every((byte) => byte === 0)
  if (isZero || (isLast && end > rest.length)) return 'torn'
  const type = rest[6] as number
  const isKnown = type >= full && type <= last && end <= rest.length
  return isKnown && maskedCrc32c(rest.subarray(6, end)) === rest.readUInt32LE(0) ? 'intact' : 'lost'
}

/** Puts fragments together, and counts the bytes that belong to no intact record. */
function recordScan(onRecord?: (record: Buffer) => void) {
  let lostBytes = 0
  let pendingBytes = 0 // lost if a record follows, else the torn end
  let fragments: Buffer[] | undefined
  let fragmentBytes = 0

  function dropFragments(): void {
    pendingBytes += fragmentBytes
    fragmentBytes = 0
    fragments = undefined
  }

  function lose(bytes: number): void {
    dropFragments()
    lostBytes += pendingBytes + bytes
    pendingBytes = 0
  }

  function append(to: Buffer[], data: Buffer): void {
    fragmentBytes += headerBytes + data.length
    if (onRecord) to.push(Buffer.from(data))
  }

  function complete(): void {
    if (fragments !== undefined) onRecord?.(Buffer.concat(fragments))
    fragments = undefined
    fragmentBytes = 0
  }

  return {
    record(type: number, data: Buffer): void {
      const bytes = headerBytes + data.length
      if (type === full || type === first) {
        lose(0)
        fragments = []
      }
      if (fragments === undefined) lose(bytes)
      else append(fragments, data)
      if (type === full || type === last) complete()
    },
    lost: lose,
    torn(bytes: number): void {
      dropFragments()
      pendingBytes += bytes
    },
    result(): LogScan {
      dropFragments()
      return { lostBytes, tornBytes: pendingBytes }
    },
  }
}
