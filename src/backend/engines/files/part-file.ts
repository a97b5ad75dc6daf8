// One part as a file. The store writes it under a temporary name, syncs it and links it to its final name. So the part
// appears whole or not at all, and is never overwritten. A part survives a power cut only if every folder above it
// does, so those are synced before the first part of a set.
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { linkNew, syncFolder } from '../../../core/durable-file.js'
import { VaultError } from '../../../core/errors.js'
import { byteRangeOf, partConflict } from '../../store/part-rules.js'
import type { PartPiece } from '../../store/part-store.js'
import { errorCode, ignoreMissing } from './fs-errors.js'
import { foldersAbove } from './part-folders.js'

/** A sweep may remove the folder between two steps of a put, so a put makes up to this many attempts. */
const maxAttempts = 5

/** Reads the piece; undefined if the file is absent. Throws RANGE_PAST_END. */
export async function readPiece(path: string, piece: PartPiece): Promise<Buffer | undefined> {
  const file = await open(path, 'r').catch(ignoreMissing)
  if (file === undefined) return undefined
  try {
    const { size } = await file.stat()
    const { start, end } = byteRangeOf(size, piece)
    const bytes = Buffer.allocUnsafe(end - start)
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done)
      if (bytesRead === 0) throw new VaultError('RECORD_CORRUPT', { message: 'a part ends before its size' })
      done += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}

/** A synced file under its temporary name, and its contents. */
export interface TemporaryPart {
  path: string
  data: Buffer
}

/** Makes the folders of part sets durable, and remembers which ones are. */
export interface SetFolders {
  /** Links the part into the folder of its set, durably. Throws ALREADY_EXISTS if that part has other bytes. */
  link(part: TemporaryPart, folder: string, partNumber: number): Promise<void>
  /** Forgets a folder; must be called before the folder is removed. */
  forget(folder: string): void
}

/** Starts without any known folder. */
export function setFolders(): SetFolders {
  // the folders that survive a power cut, or will once their promise resolves
  const durable = new LRUCache<string, Promise<void>>({ max: 10_000 })

  function ensureDurable(folder: string): Promise<void> {
    const known = durable.get(folder)
    if (known) return known
    const made = makeDurable(folder)
    durable.set(folder, made)
    made.catch(() => durable.delete(folder))
    return made
  }

  return {
    async link(part, folder, partNumber) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await ensureDurable(folder)
          return await linkOrCompare(part, folder, partNumber)
        } catch (error) {
          if (errorCode(error) !== 'ENOENT' || attempt === maxAttempts) throw error
          durable.delete(folder)
        }
      }
    },
    forget: (folder) => void durable.delete(folder),
  }
}

async function makeDurable(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // Existing folders too: the process that made them may have ended before it synced them.
  for (const above of foldersAbove(folder)) await syncFolder(above)
}

async function linkOrCompare({ path, data }: TemporaryPart, folder: string, partNumber: number): Promise<void> {
  const target = join(folder, String(partNumber))
  try {
    await linkNew(path, target)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    const stored = await readFile(target)
    if (!stored.equals(data)) throw partConflict()
    await syncFolder(folder) // the call that linked the file may not have synced the folder yet
  }
}
