// enc-server inspect: what lies in a store whose back end is stopped, so that a reader sees that it is ciphertext.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { VaultError } from '../../core/errors.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine } from '../terminal/output.js'
import { sealedRecordLines } from '../terminal/sealed-record.js'

/** A store opened for looking. */
export interface InspectedStore {
  records(): AsyncIterable<{ recordId: Buffer; record: SealedRecord }>
  close(): Promise<void>
}

/** Opens the store that is in a folder, and makes none; throws STORE_UNAVAILABLE while a back end holds it. */
export type OpenStore = (folder: string) => Promise<InspectedStore>

interface InspectFlags {
  absent?: string[]
  limit: number
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number.')
}

function collect(word: string, words: string[] = []): string[] {
  return [...words, word]
}

export function addInspect(program: Command, openStore: OpenStore, session: Session): void {
  const command = program
    .command('inspect')
    .description('Show what lies in the store of a stopped back end.')
    .argument('<folder>', "the back end's data folder")
    .option('--limit <n>', 'how many records to show', wholeNumber, 3)
    .option('--absent <word>', 'fail if a file of the store holds this word; may be repeated', collect)
  withExamples(command, ['enc-server inspect data/backend --absent PAYLOADS']).action(
    (folder: string, flags: InspectFlags) => inspect(folder, { flags, openStore }, session),
  )
}

interface Inspection {
  flags: InspectFlags
  openStore: OpenStore
}

async function inspect(folder: string, { flags, openStore }: Inspection, { terminal }: Session): Promise<void> {
  const store = await openStore(folder)
  try {
    const count = await showRecords(store, flags.limit, (line) => printLine(line, terminal))
    printLine(`${count} ${count === 1 ? 'record' : 'records'} in ${folder}`, terminal)
  } finally {
    await store.close()
  }
  const files = await filesIn(folder)
  for (const word of flags.absent ?? []) {
    refuseWord(word, files)
    printLine(`"${word}" is in none of its ${files.length} files`, terminal)
  }
}

async function showRecords(store: InspectedStore, limit: number, print: (line: string) => void): Promise<number> {
  let count = 0
  for await (const { recordId, record } of store.records()) {
    count += 1
    if (count > limit) continue
    for (const line of [...sealedRecordLines({ ...record, recordId }), '']) print(line)
  }
  return count
}

// Whole, as they lie on disk: it is what a thief of the disk would have. LevelDB's files are a few megabytes each.
async function filesIn(folder: string): Promise<Buffer[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  return Promise.all(
    entries.filter((entry) => entry.isFile()).map((file) => readFile(join(file.parentPath, file.name))),
  )
}

function refuseWord(word: string, files: Buffer[]): void {
  if (!files.some((bytes) => bytes.includes(word))) return
  throw new VaultError('INTERNAL', { message: `the store holds the word "${word}" in clear` })
}
