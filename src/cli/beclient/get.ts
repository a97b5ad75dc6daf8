// beclient get: one record as the back end holds it, to look at or as a copy in a file.
import type { Command } from 'commander'
import { invalidField, VaultError } from '../../core/errors.js'
import type { RetrieveEnvelopeResponse, SealedRecord } from '../../gen/encserver/v1/backend.js'
import { openAtomicFile } from '../files/atomic-file.js'
import { hexOf } from '../files/input.js'
import { wholeNumber } from '../options/write-flags.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine, printNote, toJson } from '../terminal/output.js'
import { sealedRecordLines } from '../terminal/sealed-record.js'
import { addBackendOptions, type BackendFlags, recordIdText, withBackend } from './backend-call.js'
import { encodeCopy, type RecordCopy, refuseParts } from './copy.js'
import { viewEnvelope } from './envelope-view.js'

interface GetFlags extends BackendFlags {
  recordId: Buffer
  version?: number
  out?: string
  force?: true
}

const examples = [
  'beclient get --record-id HEX --json',
  'beclient get --record-id HEX --out record.bin    a copy that `beclient store` puts back',
]

export function addGet(program: Command, session: Session): void {
  const command = program
    .command('get')
    .description('Show a record: the header of its envelope, and its first bytes, which are ciphertext.')
    .requiredOption('--record-id <hex>', recordIdText, hexOf(72))
    .option('--version <n>', 'an older version that is kept', wholeNumber(1))
    .option('--out <file>', 'write the whole record and its user to a new file instead')
    .option('--force', 'let --out replace a file')
  withExamples(addBackendOptions(command), examples).action((flags: GetFlags) => get(flags, session))
}

async function get(flags: GetFlags, session: Session): Promise<void> {
  const { out, force } = flags
  if (out !== undefined) return getToFile(out, flags, session)
  if (force) throw invalidField('--force', 'goes with --out')
  const { record } = await retrieve(flags, session)
  const lines = flags.json ? [toJson(record)] : sealedRecordLines(record)
  for (const line of lines) printLine(line, session.terminal)
}

async function retrieve({ recordId, version = 0, ...flags }: GetFlags, session: Session): Promise<RecordCopy> {
  const found: RetrieveEnvelopeResponse = await withBackend(flags, session, (methods, call) =>
    methods.retrieveEnvelope({ recordIds: [recordId], version: BigInt(version) }, call()),
  )
  const { record, user } = found
  if (record === undefined) throw new VaultError('RECORD_NOT_FOUND')
  if (user === undefined) throw new VaultError('INTERNAL', { message: 'the server did not say whose record it is' })
  return { record, user }
}

async function getToFile(path: string, flags: GetFlags, session: Session): Promise<void> {
  if (path === '-') throw invalidField('--out', 'must be a file')
  const file = await openAtomicFile({ path, flag: '--out', replace: flags.force === true })
  try {
    const copy = await retrieve(flags, session)
    refuseParts('--out', copy.record)
    const bytes = encodeCopy(copy)
    await file.commit(bytes)
    printCopied({ record: copy.record, note: `wrote ${path}: ${bytes.length} bytes` }, flags, session)
  } finally {
    await file.discard()
  }
}

function printCopied(
  { record, note }: { record: SealedRecord; note: string },
  { json }: GetFlags,
  { terminal }: Session,
): void {
  const { recordId, version, sizeBytes, storeTime, expireTime, envelope } = record
  const keyId = viewEnvelope(envelope)?.keyId
  if (json) printLine(toJson({ recordId, version, keyId, sizeBytes, storeTime, expireTime }), terminal)
  else printNote(`${note}, version ${version}, key id ${keyId?.toString('hex') ?? 'unknown'}`, terminal)
}
