// One LevelDB that can be closed and opened again between the operations that use it: operations in progress finish
// first, later ones wait.
import { ClassicLevel } from 'classic-level'
import { inFlight } from '../../../core/concurrency/in-flight.js'
import { storeError } from './errors.js'

/** How to encode a value. `decode` must not keep a reference to its input. */
export interface Codec<Value> {
  encode(value: Value): Uint8Array
  decode(bytes: Buffer): Value
}

/** A LevelDB with binary keys. */
export type Level<Value> = ClassicLevel<Buffer, Value>

/** The owner of an open LevelDB. */
export interface LevelHandle<Value> {
  /** Runs `work` on the open database; rejects with VaultError. */
  use<T>(work: (level: Level<Value>) => Promise<T>): Promise<T>
  /** False after `reopen` has failed. */
  isOpen(): boolean
  /** Closes the database and opens it again. After a failure it stays closed, and the caller may try again. */
  reopen(): Promise<void>
  /** Closes the database when the operations in progress have ended. */
  close(): Promise<void>
}

/** How to open a LevelDB. */
export interface LevelOptions<Value> {
  folder: string
  codec: Codec<Value>
  /** True to create the database if it is absent. LevelDB deletes the tables of a folder in which it creates one. */
  create: boolean
  /**
   * The size of the write buffer. LevelDB fills its log to this size, and twice this much memory, before it writes a
   * table: a larger buffer means fewer compactions.
   */
  bufferBytes: number
}

/** LevelDB writes each block with a call of its own; with this size an eighth as many as with its default of 4 KiB. */
const blockBytes = 32 * 1024
/** A quarter as many tables as with LevelDB's default of 2 MiB; it reads the first thousand without copying blocks. */
const tableBytes = 8 * 1024 * 1024

async function openLevel<Value>({ folder, codec, create, bufferBytes }: LevelOptions<Value>): Promise<Level<Value>> {
  const level = new ClassicLevel<Buffer, Value>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: { name: 'stored', format: 'buffer', encode: codec.encode as never, decode: codec.decode },
    createIfMissing: create,
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

/** Opens the LevelDB of a folder; rejects with VaultError. */
export async function openLevelHandle<Value>(options: LevelOptions<Value>): Promise<LevelHandle<Value>> {
  const level = await openLevel(options)
  const users = inFlight()
  let reopening: Promise<void> | undefined

  async function closeAndOpen(): Promise<void> {
    await users.idle()
    await level.close()
    await level.open({ createIfMissing: false })
  }

  return {
    async use(work) {
      while (reopening !== undefined) await reopening.catch(() => undefined) // after a failure, the work itself fails
      try {
        return await users.run(() => work(level))
      } catch (error) {
        throw storeError(error)
      }
    },
    isOpen: () => level.status === 'open',
    async reopen() {
      reopening = closeAndOpen()
      try {
        await reopening
      } catch (error) {
        throw storeError(error)
      } finally {
        reopening = undefined
      }
    },
    async close() {
      await reopening?.catch(() => undefined)
      await users.idle()
      await level.close()
    },
  }
}
