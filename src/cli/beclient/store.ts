// beclient store: puts a copy of a record back, as it is. Whether a front end can open it, only a front end knows.
import type { Command } from 'commander'
import type { BackendClient } from '../../backend/client.js'
import { VaultError } from '../../core/errors.js'
import type { RetrieveEnvelopeResponse, StoredEnvelope, StoreEnvelopeRequest } from '../../gen/encserver/v1/backend.js'
import { wholeNumber } from '../options/write-flags.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine, printNote, toJson } from '../terminal/output.js'
import { withDoubt } from '../transfer/unknown-outcome.js'
import { addBackendOptions, type BackendFlags, type NewCall, withBackend } from './backend-call.js'
import { type RecordCopy, readCopy, refuseParts } from './copy.js'
import { viewEnvelope } from './envelope-view.js'
import { addKeyringOption, type KeyringFlags, keyringOf } from './keyring.js'

interface StoreFlags extends BackendFlags, KeyringFlags {
  in: string
  ifAbsent?: true
  keepVersions?: number
}

const examples = [
  'beclient store --in record.bin --if-absent',
  'beclient store --in record.bin --json',
  'beclient get --record-id HEX --out record.bin    writes such a file',
]

export function addStore(program: Command, session: Session): void {
  const command = program
    .command('store')
    .description('Put back a record that `beclient get --out` copied, in place of what is there now.')
    .requiredOption('--in <file>', 'the copy: the bytes of an encserver.v1.RetrieveEnvelopeResponse')
    .option('--if-absent', 'only if there is no such record now')
    .option(
      '--keep-versions <n>',
      'how many versions to keep, this one included (default: as before)',
      wholeNumber(1, 100),
    )
  withExamples(addBackendOptions(addKeyringOption(command)), examples).action((flags: StoreFlags) =>
    store(flags, session),
  )
}

async function store(flags: StoreFlags, session: Session): Promise<void> {
  const { terminal } = session
  const copy = await readCopy(flags.in, session)
  refuseParts('--in', copy.record)
  const { version, storeTime, userAdded } = await withBackend(flags, session, async (methods, call) => {
    const keyringId = keyringOf(await methods.getStoreInfo({}, call()), flags)
    const request = requestOf(copy, { ...flags, keyringId })
    const done = await withDoubt('unanswered store', () => putBack(methods, { copy, request }, call))
    const found = await methods.retrieveEnvelope({ recordIds: [copy.record.recordId], version: 0n }, call())
    mustBeThere(found, copy, flags)
    return done
  })
  const keyId = viewEnvelope(copy.record.envelope)?.keyId
  if (flags.json) return printLine(toJson({ version, keyId, storeTime, userAdded }), terminal)
  printLine(`stored as version ${version}, key id ${keyId?.toString('hex') ?? 'unknown'}`, terminal)
  if (userAdded) printNote('its user was not there either, and is back with the wrapped keys of the copy', terminal)
}

const unsetByCallers = {
  version: 0n,
  storeTime: undefined,
  replacedKeyIds: [],
  lifeId: Buffer.alloc(0),
  keptVersions: 0,
  keepVersions: 0,
}

function requestOf(
  { record }: RecordCopy,
  { ifAbsent, keepVersions = 0, keyringId }: StoreFlags & { keyringId: Buffer },
) {
  return {
    // The rest is for the back end to set.
    record: { ...record, ...unsetByCallers },
    newUser: undefined,
    keepVersions,
    defaultKeepVersions: 0,
    precondition: ifAbsent && { condition: { $case: 'absent' as const, value: true } },
    keyringId,
    triedMsAgo: 0,
  }
}

interface PutBack {
  copy: RecordCopy
  request: StoreEnvelopeRequest
}

// First without the user, to know whether the copy brings it back.
async function putBack(methods: BackendClient['methods'], { copy, request }: PutBack, call: NewCall) {
  const { result } = await methods.storeEnvelope(request, call())
  if (result?.$case !== 'userAbsent') return { ...stored(result), userAdded: false }
  const again = await methods.storeEnvelope({ ...request, newUser: copy.user }, call())
  return { ...stored(again.result), userAdded: true }
}

// A back end takes a key id that it has replaced for a repeated call: it answers as to the first one, and writes nothing.
function mustBeThere({ record }: RetrieveEnvelopeResponse, copy: RecordCopy, { ifAbsent }: StoreFlags): void {
  const [there, copied] = [record, copy.record].map((each) => each && viewEnvelope(each.envelope)?.keyId)
  if (there && copied?.equals(there)) return
  const message = 'nothing was stored: a newer version has replaced this one, and goes only by `beclient delete`'
  throw new VaultError(ifAbsent ? 'ALREADY_EXISTS' : 'PRECONDITION_FAILED', { message })
}

type StoreResult = Awaited<ReturnType<BackendClient['methods']['storeEnvelope']>>['result']

function stored(result: StoreResult): StoredEnvelope {
  if (result?.$case === 'stored') return result.value
  if (result?.$case !== 'currentUser')
    throw new VaultError('INTERNAL', { message: 'the server did not say what it did' })
  const message = 'nothing was stored: the user of this copy has begun another life since, whose key does not open it'
  throw new VaultError('PRECONDITION_FAILED', { message })
}
