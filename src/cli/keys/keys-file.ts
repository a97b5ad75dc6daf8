// The keys file of an import: one line for each stored record, in the order of the input. It is all that opens the records
// again, and it says where an interrupted import goes on.
import { invalidField, VaultError } from '../../core/errors.js'
import { createAppendFile, isThere, reopenAppendFile } from '../files/append-file.js'
import type { Session } from '../program/program.js'
import { writeAll } from '../terminal/terminal.js'
import { type InputStamp, type KeyEntry, keyEntryLine, maxEntryBytes, parseKeyEntry } from './key-entry.js'

export interface KeysFile {
  /** Resolves when they are on disk, or handed to standard output. */
  append(entries: Entry[]): Promise<void>
  close(): Promise<void>
}

type Entry = Parameters<typeof keyEntryLine>[0]

export interface KeysOpening {
  path: string
  resume: boolean
  /** What the input is now; undefined for a pipe. */
  input: InputStamp | undefined
  /** The input may be another than it was. */
  mayChange: boolean
  /** Told of each entry that is there already. */
  seen(entry: KeyEntry): void
  /** When all are told, before the file is changed; throws where it is not gone on with. */
  check?(): void
}

const flag = '--keys-out'

export async function openKeysFile(opening: KeysOpening, { terminal }: Session): Promise<KeysFile> {
  const { path, resume, input } = opening
  if (path === '-') {
    const append = (entries: Entry[]) => writeAll(terminal.stdout, Buffer.from(entries.map(keyEntryLine).join('')))
    return { append, close: async () => undefined }
  }
  const going = resume && (await isThere({ path, flag }))
  const file = going ? await takeUp(opening) : await createAppendFile({ path, flag, taken: takenText(path) })
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

function takenText(path: string): string {
  return `${path} exists; --resume goes on where its import left off`
}

function takeUp({ path, input, mayChange, seen, check: checkSeen }: KeysOpening) {
  let before: InputStamp | undefined
  const read = ({ text }: { text: Buffer | undefined }) => {
    const entry = parseKeyEntry(text)
    before = entry.input ?? before
    seen(entry)
  }
  const check = () => {
    checkSeen?.()
    if (!mayChange && before && input) refuseChanged(before, input)
  }
  return reopenAppendFile({ path, flag, maxLineBytes: maxEntryBytes, otherwise: 'name another', read, check })
}

function refuseChanged(before: InputStamp, input: InputStamp): void {
  if (before.bytes === input.bytes && before.modified === input.modified) return
  throw invalidField(
    '--in',
    'the file has changed since it was imported; --changed goes on, if lines that are stored are as they were',
  )
}
