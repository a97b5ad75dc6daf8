// One LevelDB that can be closed and opened again under the reads that use it: those under way are waited for, those
// that arrive wait.
import { ClassicLevel } from 'classic-level'
import { inFlight } from '../../../core/in-flight.js'
import { storeError } from './errors.js'

/** How a value is kept; decoding must not keep a reference to the bytes it is given. */
export interface Codec<Value> {
  encode(value: Value): Uint8Array
  decode(bytes: Buffer): Value
}

export type Level<Value> = ClassicLevel<Buffer, Value>

export interface LevelHandle<Value> {
  /** Runs work on the open database; rejects with VaultError. */
  use<T>(work: (level: Level<Value>) => Promise<T>): Promise<T>
  /** False when opening it again failed. */
  isOpen(): boolean
  /** Closes it and opens it again; when that fails it stays closed, and this may be called again. */
  cycle(): Promise<void>
  close(): Promise<void>
}

/** What LevelDB is opened with. */
export interface LevelOptions<Value> {
  folder: string
  codec: Codec<Value>
  /** What it gathers in its log, and twice in memory, before it writes a table: fewer rounds of merging for more memory. */
  bufferBytes: number
}

/** LevelDB writes every block of a table by itself: an eighth as many as of its default of 4 KiB. */
const blockBytes = 32 * 1024
/** Of a table: it makes a quarter as many as of its default of 2 MiB, and reads the first thousand without copying blocks. */
const tableBytes = 8 * 1024 * 1024

async function openLevel<Value>({ folder, codec, bufferBytes }: LevelOptions<Value>): Promise<Level<Value>> {
  const level = new ClassicLevel<Buffer, Value>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: { name: 'stored', format: 'buffer', encode: codec.encode as never, decode: codec.decode },
    compression: false, // ciphertext does not compress
    writeBufferSize: bufferBytes,
    blockSize: blockBytes,
    maxFileSize: tableBytes,
  })
  try {
    await level.open()
    return level
  } catch (error) {
    throw storeError(error)
  }
}

export async function openLevelHandle<Value>(options: LevelOptions<Value>): Promise<LevelHandle<Value>> {
  const level = await openLevel(options)
  const users = inFlight()
  let cycling: Promise<void> | undefined

  async function reopen(): Promise<void> {
    await users.idle()
    await level.close()
    await level.open()
  }

  return {
    async use(work) {
      while (cycling !== undefined) await cycling.catch(() => undefined) // if it failed, the work says so itself
      try {
        return await users.run(() => work(level))
      } catch (error) {
        throw storeError(error)
      }
    },
    isOpen: () => level.status === 'open',
    async cycle() {
      cycling = reopen()
      try {
        await cycling
      } catch (error) {
        throw storeError(error)
      } finally {
        cycling = undefined
      }
    },
    async close() {
      await cycling?.catch(() => undefined)
      await users.idle()
      await level.close()
    },
  }
}
