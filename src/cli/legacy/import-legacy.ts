// feclient import-legacy: imports records of the old services from a dump of their database. For each line of the old keys
// file it finds the document, and the front end opens the record and stores it.
import { stat } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { invalidField, VaultError } from '../../core/errors.js'
import { refuseSameFile } from '../files/path-checks.js'
import { lineOf } from '../import/import-lines.js'
import { type StoredInput, storedLines } from '../import/stored-input.js'
import type { InputLine, KeyEntry } from '../keys/key-entry.js'
import { type KeysFile, openKeysFile } from '../keys/keys-file.js'
import type { ConnectionFlags } from '../options/connection.js'
import { addFrontendFlags, withFrontend } from '../options/frontend-call.js'
import { type KeyModeName, keyModes, keyModesHelp } from '../options/key-mode.js'
import { type Session, withExamples } from '../program/program.js'
import { type JobReport, type JobReportFlags, openJobReport } from '../transfer/job-report.js'
import { isResumable } from '../transfer/transient.js'
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
The dump is the output of mongoexport or bsondump, one document a line. Ids and records are hex, base64 or
{"$binary":...}. The dump is read twice, so it must be a file.

A line of --keys, one JSON object for each record to import:
  {"user_id":"alice","key":"909192..."}
  {"user_id":"bob","record_name":"profile","key":"kJGSk5SV...","stored_id":"303132..."}
  key is the record key of the old service, 32 bytes in hex or base64. A line without stored_id finds its document
  by the user id; that needs --id-nonce, and in form prefixed --id-key-file too.

The front end must have frontend.legacyImport switched on. docs/operations/legacy-import.md describes each step.
`

/** The advice when the front end has the import switched off, by the error's field. */
export const legacyHints = {
  'legacy import':
    'the operator of the front end can enable it until a given day (docs/operations/legacy-import.md); then run the same command again',
}

/** Adds the subcommand. */
export function addImportLegacy(program: Command, session: Session): void {
  const choice = (flags: string, text: string, words: object) =>
    new Option(flags, text).choices(Object.keys(words) as string[])
  const command = program
    .command('import-legacy')
    .description("Store the records of the old services' database. Keeps their new record keys in a file.")
    .requiredOption('--dump <file>', 'the documents, as NDJSON')
    .requiredOption('--keys <file>', 'the records to import, with their old keys, one JSON object per line')
    .requiredOption('--keys-out <file>', 'new file for the new record keys, with mode 0600')
    .addOption(
      choice('--form <form>', 'prefixed: by enc-server-go; bare: by enc-server-py', legacyForms).default('prefixed'),
    )
    .option('--id-key-file <file>', 'a file with the old setting idKeyStr, 32 bytes (form prefixed)')
    .option('--id-nonce <text>', 'the old setting idNonceStr, 12 bytes', parseNonce)
    .option('--id-field <name>', 'field of a document that holds the id (default: id; in form bare: _id)')
    .option('--record-field <name>', 'field of the record in a document', 'record')
    .addOption(choice('--mode <mode>', `key mode of the new records. ${keyModesHelp} (default: split)`, keyModes))
    .option('--resume', 'continue an import that was interrupted or had failures, with its --keys-out file')
    .option('--report <file>', 'new file for the failures, one JSON object per line; --resume replaces it')
    .option('--json', 'print the summary as one JSON object')
    .addHelpText('after', formatHelp.trimEnd())
  withExamples(addFrontendFlags(command), examples).action((flags: ImportLegacyFlags) => importAll(flags, session))
}

async function checkFlags({ dump, keys, keysOut, report, form, idKeyFile, idNonce }: ImportLegacyFlags): Promise<void> {
  if (keysOut === '-') throw invalidField('--keys-out', 'must be a file')
  if (form === 'bare' && idNonce === undefined) throw invalidField('--id-nonce', 'is needed in form bare')
  if (form === 'bare' && idKeyFile !== undefined) {
    throw invalidField(
      '--id-key-file',
      'needs --form prefixed: in form bare, each id is encrypted with the key of its record',
    )
  }
  if (form === 'prefixed' && (idKeyFile === undefined) !== (idNonce === undefined)) {
    throw invalidField('--id-key-file', 'and --id-nonce go together')
  }
  await refuseSameFile({ flag: '--keys-out', path: keysOut }, [dump, keys, idKeyFile])
  await refuseSameFile({ flag: '--report', ...(report && { path: report }) }, [dump, keys, idKeyFile, keysOut])
}

async function importAll(flags: ImportLegacyFlags, session: Session): Promise<void> {
  await checkFlags(flags)
  const { keysOut, resume = false, idKeyFile } = flags
  const idKey = idKeyFile === undefined ? undefined : await readIdKey(idKeyFile)
  const stored = storedLines()
  const onEntry = (entry: KeyEntry) => stored.add(lineOf(entry))
  try {
    const keys = await openKeysFile({ path: keysOut, resume, input: undefined, mayChange: true, onEntry }, session)
    await importInto({ keys, stored, idKey }, flags, session).finally(keys.close)
  } finally {
    idKey?.fill(0)
  }
}

interface LegacyTarget {
  keys: KeysFile
  stored: StoredInput<InputLine>
  idKey: Buffer | undefined
}

async function importInto(target: LegacyTarget, flags: ImportLegacyFlags, session: Session): Promise<void> {
  const report = await openJobReport('imported', flags, session)
  try {
    await importWith({ ...target, report }, flags, session)
    await report.summarize({
      done: `their new record keys are in ${flags.keysOut}; keep it: they cannot be shown again`,
      failed: 'to retry the failed records, corrected if need be, run the same command with --resume',
    })
  } catch (error) {
    if (report.done > 0 && isResumable(error, session))
      report.note(`stopped after ${report.done} records; the same command with --resume continues`)
    throw error
  } finally {
    await report.close()
  }
}

async function importWith(
  { keys, stored, idKey, report }: LegacyTarget & { report: JobReport },
  flags: ImportLegacyFlags,
  session: Session,
): Promise<void> {
  const { form, idNonce, mode, timeout } = flags
  const totalBytes = (await stat(flags.keys)).size
  const dump = await openDumpOf(flags, report, session)
  try {
    const importer = { dump, form, idKey, idNonce, keyMode: mode && keyModes[mode] }
    const job = { path: flags.keys, totalBytes, keys, stored, report, timeoutMs: timeout * 1000 }
    await withFrontend(flags, session, (client) => {
      const importOne = legacyImporter({ ...importer, client })
      return withDoubt('unanswered import', () => transferLegacy({ ...job, importOne }, session))
    })
  } catch (error) {
    throw withLegacyField(error)
  } finally {
    await dump.close()
  }
}

/**
 * Adds the field of `legacyHints` to the error if a front end refused. A refusal without a request id did not come from
 * a front end.
 */
function withLegacyField(cause: unknown): unknown {
  if (!(cause instanceof VaultError) || cause.reason !== 'NOT_SUPPORTED' || !cause.requestId) return cause
  const { reason, message, requestId } = cause
  return new VaultError(reason, {
    message,
    requestId,
    fields: [{ field: 'legacy import', description: message }],
    cause,
  })
}

async function openDumpOf(flags: ImportLegacyFlags, report: JobReport, { signal }: Session): Promise<LegacyDump> {
  const fields = { idField: flags.idField ?? legacyForms[flags.form].idField, recordField: flags.recordField }
  const source = { path: flags.dump, fields }
  const dump = await openDump({ ...source, onUnreadable: (line, error) => report.addFailure({ line }, error) }, signal)
  report.note(`the dump has ${dump.documents} documents`)
  return dump
}
