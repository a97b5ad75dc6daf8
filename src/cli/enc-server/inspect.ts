// enc-server inspect: shows the records in the store of a stopped back end, to see that they are ciphertext.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { VaultError } from '../../core/errors.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import { wholeNumber } from '../options/write-flags.js'
import { ListOption } from '../program/list-option.js'
import { type Session, withExamples } from '../program/program.js'
import { collect } from '../program/server-flags.js'
import { printLine } from '../terminal/output.js'
import { sealedRecordLines } from '../terminal/sealed-record.js'

/** A store that is open for reading. */
export interface InspectedStore {
  /** All records, in the order of their ids. */
  records(): AsyncIterable<{ recordId: Buffer; record: SealedRecord }>
  close(): Promise<void>
}

/** Opens the store in a folder, and creates none; throws STORE_UNAVAILABLE while a back end has it open. */
export type OpenStore = (folder: string) => Promise<InspectedStore>

interface InspectFlags {
  absent?: string[]
  limit: number
}

/** Adds `enc-server inspect`. */
export function addInspect(program: Command, openStore: OpenStore, session: Session): void {
  const command = program
    .command('inspect')
    .description('Show the records in the store of a stopped back end (LevelDB only).')
    .argument('<folder>', "the back end's data folder")
    .option('--limit <n>', 'number of records to show', wholeNumber(0), 3)
    .addOption(new ListOption('--absent <word>', 'fail if a file of the store contains this word', collect))
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
    await printLine(`${count} ${count === 1 ? 'record' : 'records'} in ${folder}`, terminal)
  } finally {
    await store.close()
  }
  const files = await filesIn(folder)
  for (const word of flags.absent ?? []) {
    refuseWord(word, files)
    await printLine(`none of its ${files.length} files contains "${word}"`, terminal)
  }
}

async function showRecords(
  store: InspectedStore,
  limit: number,
  print: (line: string) => Promise<void>,
): Promise<number> {
  let count = 0
  for await (const { recordId, record } of store.records()) {
    count += 1
    if (count > limit) continue
    await print([...sealedRecordLines({ ...record, recordId }), ''].join('\n'))
  }
  return count
}

// Reads whole files, since a thief of the disk would have those. LevelDB's files are a few megabytes each.
async function filesIn(folder: string): Promise<Buffer[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  return Promise.all(
    entries.filter((entry) => entry.isFile()).map((file) => readFile(join(file.parentPath, file.name))),
  )
}

function refuseWord(word: string, files: Buffer[]): void {
  if (!files.some((bytes) => bytes.includes(word))) return
  throw new VaultError('INTERNAL', { message: `the store contains the word "${word}" in plain text` })
}
