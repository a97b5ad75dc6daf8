// feclient import-legacy: records of the earlier services, out of a dump of their database. The keys file leads: for each of
// its lines the document is looked up, and the front end opens it and stores it anew. Otherwise as feclient import.

import { stat } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { invalidField, VaultError } from '../../core/errors.js'
import { lineOf } from '../import/import-lines.js'
import { type StoredLines, storedLines } from '../import/stored-lines.js'
import type { KeyEntry } from '../keys/key-entry.js'
import { type KeysFile, openKeysFile } from '../keys/keys-file.js'
import type { ConnectionFlags } from '../options/connection.js'
import { addFrontendFlags, withFrontend } from '../options/frontend-call.js'
import { type KeyModeName, keyModes, keyModesHelp } from '../options/key-mode.js'
import { type Session, withExamples } from '../program/program.js'
import { type JobReport, type JobReportFlags, openJobReport, refuseSameFile } from '../transfer/job-report.js'
import { isResumable } from '../transfer/stopped.js'
import { withDoubt } from '../transfer/unknown-outcome.js'
import { type LegacyDump, openDump } from './dump.js'
import { type LegacyForm, legacyForms, legacyImporter, parseNonce, readIdKey } from './importer.js'
import { transferLegacy } from './transfer.js'

interface ImportLegacyFlags extends ConnectionFlags, JobReportFlags {
  dump: string
  keys: string
  keysOut: string
  form: LegacyForm
  idKeyFile?: string
  idNonce?: Buffer
  idField?: string
  recordField: string
  mode?: KeyModeName
  resume?: true
}

const examples = [
  'feclient import-legacy --dump records.ndjson --keys old-keys.ndjson --keys-out keys.ndjson \\',
  '    --id-key-file old-id.key --id-nonce 0123456789ab',
  'feclient import-legacy --dump records.ndjson --keys old-keys.ndjson --keys-out keys.ndjson \\',
  '    --form bare --id-nonce 0123456789ab --resume --report failed.ndjson',
]

const formatHelp = `
The dump is what mongoexport writes, one document a line; of bsondump the same. Ids and records are hex, base64
or {"$binary":...}. It is read twice, so it must be a file.

A line of --keys, one JSON object for each record to import:
  {"user_id":"alice","key":"909192..."}
  {"user_id":"bob","record_name":"profile","key":"kJGSk5SV...","stored_id":"303132..."}
  key is what the earlier service gave out, 32 bytes in hex or base64. Without stored_id the document is found
  by the user id, for which --id-nonce is needed, and in form prefixed --id-key-file too.

The front end must have frontend.legacyImport switched on. docs/operations/legacy-import.md goes step by step.
`

export function addImportLegacy(program: Command, session: Session): void {
  const choice = (flags: string, text: string, words: object) =>
    new Option(flags, text).choices(Object.keys(words) as string[])
  const command = program
    .command('import-legacy')
    .description("Store the records of the earlier services' database. Keeps their new record keys in a file.")
    .requiredOption('--dump <file>', 'the documents, as NDJSON')
    .requiredOption('--keys <file>', 'whose records, and their old keys, one JSON object a line')
    .requiredOption('--keys-out <file>', 'where the new record keys go: a new file, for its owner only')
    .addOption(
      choice('--form <form>', 'prefixed: of enc-server-go; bare: of enc-server-py', legacyForms).default('prefixed'),
    )
    .option('--id-key-file <file>', 'holds the old setting idKeyStr, 32 bytes (form prefixed)')
    .option('--id-nonce <text>', 'the old setting idNonceStr, 12 bytes', parseNonce)
    .option('--id-field <name>', 'field of the id in a document (default: id, in form bare _id)')
    .option('--record-field <name>', 'field of the record in a document', 'record')
    .addOption(choice('--mode <mode>', `who holds the new keys: ${keyModesHelp} (default: as configured)`, keyModes))
    .option('--resume', 'go on with the --keys-out of a run that was interrupted, or had failures')
    .option('--report <file>', 'write each failure to a new file, one JSON object a line; --resume replaces it')
    .option('--json', 'print the summary as one JSON object')
    .addHelpText('after', formatHelp.trimEnd())
  withExamples(addFrontendFlags(command), examples).action((flags: ImportLegacyFlags) => importAll(flags, session))
}

async function check({ dump, keys, keysOut, report, form, idKeyFile, idNonce }: ImportLegacyFlags): Promise<void> {
  if (keysOut === '-') throw invalidField('--keys-out', 'must be a file')
  if (form === 'bare' && idNonce === undefined) throw invalidField('--id-nonce', 'is needed in form bare')
  if (form === 'bare' && idKeyFile !== undefined) {
    throw invalidField('--id-key-file', 'is of form prefixed: in form bare ids are under the keys of the records')
  }
  if (form === 'prefixed' && (idKeyFile === undefined) !== (idNonce === undefined)) {
    throw invalidField('--id-key-file', 'and --id-nonce go together')
  }
  await refuseSameFile({ flag: '--keys-out', path: keysOut }, [dump, keys, idKeyFile])
  await refuseSameFile({ flag: '--report', ...(report && { path: report }) }, [dump, keys, idKeyFile, keysOut])
}

async function importAll(flags: ImportLegacyFlags, session: Session): Promise<void> {
  await check(flags)
  const { keysOut, resume = false, idKeyFile } = flags
  const idKey = idKeyFile === undefined ? undefined : await readIdKey(idKeyFile)
  const stored = storedLines()
  const seen = (entry: KeyEntry) => stored.add(lineOf(entry))
  try {
    const keys = await openKeysFile({ path: keysOut, resume, input: undefined, mayChange: true, seen }, session)
    await importInto({ keys, stored, idKey }, flags, session).finally(keys.close)
  } finally {
    idKey?.fill(0)
  }
}

interface LegacyTarget {
  keys: KeysFile
  stored: StoredLines
  idKey: Buffer | undefined
}

async function importInto(target: LegacyTarget, flags: ImportLegacyFlags, session: Session): Promise<void> {
  const tally = await openJobReport('imported', flags, session)
  try {
    await importWith({ ...target, tally }, flags, session)
    tally.sum({
      done: `their new record keys are in ${flags.keysOut}; keep it: they cannot be shown again`,
      failed: 'what failed can be tried again, or corrected, with the same command and --resume',
    })
  } catch (error) {
    if (tally.done > 0 && isResumable(error, session))
      tally.note(`stopped after ${tally.done} records; --resume goes on`)
    throw error
  } finally {
    await tally.close()
  }
}

async function importWith(
  { keys, stored, idKey, tally }: LegacyTarget & { tally: JobReport },
  flags: ImportLegacyFlags,
  session: Session,
): Promise<void> {
  const { form, idNonce, mode, timeout } = flags
  const totalBytes = (await stat(flags.keys)).size
  const dump = await openDumpOf(flags, tally, session)
  try {
    const terms = { dump, form, idKey, idNonce, keyMode: mode && keyModes[mode] }
    const work = { path: flags.keys, totalBytes, keys, stored, tally, timeoutMs: timeout * 1000 }
    await withFrontend(flags, session, (client) => {
      const importOne = legacyImporter({ ...terms, client })
      return withDoubt('unanswered import', () => transferLegacy({ ...work, importOne }, session))
    })
  } catch (error) {
    throw refusedError(error)
  } finally {
    await dump.close()
  }
}

/** What the front end itself does not offer is switched off; what has no request id was no front end. */
function refusedError(cause: unknown): unknown {
  if (!(cause instanceof VaultError) || cause.reason !== 'NOT_SUPPORTED' || !cause.requestId) return cause
  const { reason, message, requestId } = cause
  return new VaultError(reason, {
    message,
    requestId,
    fields: [{ field: 'legacy import', description: message }],
    cause,
  })
}

async function openDumpOf(flags: ImportLegacyFlags, tally: JobReport, { signal }: Session): Promise<LegacyDump> {
  const fields = { idField: flags.idField ?? legacyForms[flags.form].idField, recordField: flags.recordField }
  const source = { path: flags.dump, fields }
  const dump = await openDump({ ...source, unreadable: (line, error) => tally.failed({ line }, error) }, signal)
  tally.note(`the dump has ${dump.documents} documents`)
  return dump
}
