// The keys file of an import: one entry for each stored record, in the order of the input. Only its record keys open
// the records (except in mode `server`), and it shows where an interrupted import resumes.
import { invalidField, VaultError } from '../../core/errors.js'
import { type AppendFile, createAppendFile, reopenAppendFile } from '../files/append-file.js'
import { fileExists } from '../files/path-checks.js'
import type { Session } from '../program/program.js'
import { checkKeyOutput, writeResult } from '../terminal/results.js'
import {
  type InputStamp,
  type KeyEntry,
  keyEntryLine,
  maxEntryBytes,
  parseKeyEntry,
  type StoredEntry,
} from './key-entry.js'

/** An open keys file. */
export interface KeysFile {
  /** Resolves when the entries are on disk, or handed to standard output. */
  append(entries: StoredEntry[]): Promise<void>
  close(): Promise<void>
}

/** How to open a keys file. */
export interface KeysFileOptions {
  /** The file; `-` is standard output. */
  path: string
  /** Reads and continues an existing file, which is refused otherwise. */
  resume: boolean
  /** Size and time of the input now; undefined for a pipe. */
  input: InputStamp | undefined
  /** Whether the input may have changed since the earlier run. */
  mayChange: boolean
  /** Called with each existing entry; throws INVALID_REQUEST for a foreign one. */
  onEntry(entry: KeyEntry): void
  /** Runs after the last entry and before any change to the file; throws to leave the file as it is. */
  check?(): void
}

const flag = '--keys-out'

/** Opens a keys file; throws INVALID_REQUEST if it exists, or if it cannot be resumed. */
export async function openKeysFile(options: KeysFileOptions, { terminal }: Session): Promise<KeysFile> {
  const { path, resume, input } = options
  if (path === '-') {
    checkKeyOutput(terminal)
    const append = (entries: StoredEntry[]) =>
      writeResult(terminal, entries.map(keyEntryLine).join(''), {
        done: `stored ${entries.length} more records`,
        lost: 'their record keys are lost, as are those of records that were being sent: store them again',
      })
    return { append, close: async () => undefined }
  }
  const isResumed = resume && (await fileExists({ path, flag }))
  const existsMessage = `${path} exists; --resume continues its import`
  const file = isResumed ? await reopenKeysFile(options) : await createAppendFile({ path, flag, existsMessage })
  let stamp = input
  return {
    async append(entries) {
      const lines = entries.map((entry, at) => keyEntryLine({ ...entry, input: at === 0 ? stamp : undefined }))
      await file.append(lines.join('')).catch((cause: Error) => {
        const message = `${path} cannot be written (${cause.message}): once it can be, --resume stores these records again`
        throw new VaultError('INTERNAL', { message, cause })
      })
      stamp = undefined
    },
    close: file.close,
  }
}

function reopenKeysFile({ path, input, mayChange, onEntry, check }: KeysFileOptions): Promise<AppendFile> {
  let lastStamp: InputStamp | undefined
  return reopenAppendFile({
    path,
    flag,
    maxLineBytes: maxEntryBytes,
    advice: 'name another',
    read({ text }) {
      const entry = parseKeyEntry(text)
      lastStamp = entry.input ?? lastStamp
      onEntry(entry)
    },
    check() {
      check?.()
      if (!mayChange && lastStamp && input) refuseChanged(lastStamp, input)
    },
  })
}

function refuseChanged(before: InputStamp, now: InputStamp): void {
  if (before.bytes === now.bytes && before.modified === now.modified) return
  throw invalidField(
    '--in',
    'the file has changed since it was imported; --changed accepts that, if the lines already stored are the same',
  )
}
