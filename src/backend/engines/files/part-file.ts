// One part as a file. It is written under another name, synced and then linked: so it is there whole or not at all, and
// is never overwritten. A folder that was just made is of no use when its own entry is lost, so before the first part of
// a set the folders above it are synced.
import { link, mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { syncFolder } from '../../../core/durable-file.js'
import { VaultError } from '../../../core/errors.js'
import { byteRangeOf, partConflict } from '../../store/part-rules.js'
import type { PartPiece } from '../../store/part-store.js'
import { errorCode, ignoreMissing } from './absent-file.js'
import { foldersAbove } from './part-folders.js'

/** A sweep may take the folder away again and again, but not for ever. */
const maxAttempts = 5

/** The piece; undefined when the file is not there. */
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

export interface SetFolders {
  /** Gives the written file its place, durably; ALREADY_EXISTS when a part with other bytes has it. */
  place(written: { path: string; data: Buffer }, folder: string, partNumber: number): Promise<void>
  /** The folder was removed. */
  forget(folder: string): void
}

export function setFolders(): SetFolders {
  // Known to survive a power cut, or about to be.
  const durable = new LRUCache<string, Promise<void>>({ max: 10_000 })

  function makeDurable(folder: string): Promise<void> {
    const known = durable.get(folder)
    if (known) return known
    const made = make(folder)
    durable.set(folder, made)
    made.catch(() => durable.delete(folder))
    return made
  }

  return {
    async place({ path, data }, folder, partNumber) {
      const place = join(folder, String(partNumber))
      for (let attempt = 1; ; attempt += 1) {
        try {
          await makeDurable(folder)
          await linkOrSame(path, place, data)
          return await syncFolder(folder)
        } catch (error) {
          if (errorCode(error) !== 'ENOENT' || attempt === maxAttempts) throw error
          durable.delete(folder)
        }
      }
    },
    forget: (folder) => void durable.delete(folder),
  }
}

async function make(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // Also those that were there: whoever made them may have ended before it synced them.
  for (const above of foldersAbove(folder)) await syncFolder(above)
}

async function linkOrSame(path: string, place: string, data: Buffer): Promise<void> {
  try {
    await link(path, place) // unlike rename, it fails when the name is taken
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    const there = await readFile(place)
    if (!there.equals(data)) throw partConflict()
  }
}
