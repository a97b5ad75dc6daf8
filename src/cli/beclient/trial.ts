// beclient trial: stores, retrieves, lists and deletes a sample record under random pseudonyms. Its user document stays in the
// store, under a pseudonym that no front end makes.
import type { Command } from 'commander'
import type { BackendClient } from '../../backend/client.js'
import { pseudonymBytes, userUidBytes } from '../../core/envelope-sizes.js'
import { VaultError } from '../../core/errors.js'
import type {
  DeleteEnvelopeResponse,
  GetStoreInfoResponse,
  RetrieveEnvelopeResponse,
  SealedRecord,
  StoreEnvelopeResponse,
  UserDocument,
} from '../../gen/encserver/v1/backend.js'
import { hexOf } from '../files/input.js'
import { addConnectionFlags, channelOf } from '../options/connection.js'
import { defaultAction, type Session, withExamples } from '../program/program.js'
import { printLine } from '../terminal/output.js'
import { assertSameBytes, type Step, trialFailure, trialSteps } from '../terminal/trial-steps.js'
import { type BackendFlags, backendTarget, type NewCall, withBackend } from './backend-call.js'
import { eachEnvelope } from './list.js'
import { sampleDataBytes, sampleEntryBox, sampleEnvelope, sampleWrappedKey } from './sample-record.js'

interface TrialFlags extends BackendFlags {
  keyringId?: Buffer
}

const keyringIdBytes = 16

interface Trial {
  methods: BackendClient['methods']
  call: NewCall
  step: Step
}

/** Adds `beclient trial`, the default subcommand. */
export function addTrial(program: Command, session: Session): void {
  const command = program
    .command('trial', { isDefault: true })
    .description(
      'Check that the store works: store, get, list and delete a sample record. This is the default command.',
    )
    .option(
      '--keyring-id <hex>',
      'the keyring to bind an unbound store to; the binding is permanent',
      hexOf(keyringIdBytes),
    )
  withExamples(addConnectionFlags(command, backendTarget), ['beclient', 'beclient --address 127.0.0.1:8000'])
  defaultAction(command, (flags: TrialFlags) => runTrial(flags, session))
}

async function runTrial(flags: TrialFlags, session: Session): Promise<void> {
  const { terminal } = session
  await printLine(`beclient: trial against ${channelOf(flags, backendTarget, terminal.env).address}`, terminal)
  const step = trialSteps(session)
  await withBackend(flags, session, (methods, call) => roundTrip({ methods, call, step }, flags))
  await printLine('beclient: the trial passed', terminal)
}

function random(size: number): Buffer {
  return Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(size)))
}

/** Has the form of a real pseudonym: key id 1, then 32 random bytes in place of an HMAC. */
function randomPseudonym(): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 1]), random(32)])
}

function newUser(): UserDocument {
  const generation = { generation: 1, wrappedKey: sampleWrappedKey, userBind: random(32) }
  return { userPseudonym: randomPseudonym(), userUid: random(userUidBytes), generations: [generation] }
}

function newRecord({ userPseudonym, userUid }: UserDocument): SealedRecord {
  return {
    recordId: Buffer.concat([userPseudonym, randomPseudonym()]),
    envelope: sampleEnvelope,
    entryBox: sampleEntryBox,
    userUid,
    partCount: 0,
    partSetId: Buffer.alloc(0),
    sizeBytes: sampleDataBytes,
    expireTime: undefined,
    version: 0n,
    storeTime: undefined,
    replacedKeyIds: [],
    lifeId: Buffer.alloc(0),
    keptVersions: 0,
    keepVersions: 0,
  }
}

const writeDefaults = { precondition: undefined, keepVersions: 0, defaultKeepVersions: 0, triedMsAgo: 0, keyChecks: [] }

async function roundTrip({ methods, call, step }: Trial, flags: TrialFlags): Promise<void> {
  const store = await step('info', () => methods.getStoreInfo({}, call()), describeStore)
  const keyringId = keyringOf(store, flags)
  const user = newUser()
  const record = newRecord(user)
  const recordIds = [record.recordId]
  const write = { ...writeDefaults, record, newUser: user, keyringId }
  const retrieve = () => methods.retrieveEnvelope({ recordIds, version: 0n }, call())
  const remove = () => methods.deleteEnvelope({ recordIds, expectKeyId: Buffer.alloc(0) }, call())
  await step(
    'store',
    async () => mustBeStored(await methods.storeEnvelope(write, call())),
    () => storedText,
  )
  const found = await step('retrieve', retrieve, (answer) => `${answer.record?.envelope.length ?? 0} bytes`)
  await step(
    'compare',
    async () => assertSameBytes(bytesOf(found), bytesOf({ record, user })),
    () => sameText,
  )
  await step(
    'list',
    () => mustBeListed(methods, record, call),
    () => 'one record',
  )
  await step(
    'delete',
    async () => mustBeDeleted(await remove()),
    () => 'deleted',
  )
  await step(
    'retrieve',
    async () => mustBeGone(await retrieve()),
    () => 'not found, as it must be',
  )
}

const storedText = `a sample record of ${sampleEnvelope.length} bytes, under random pseudonyms`
const sameText = 'envelope, entry box and wrapped user key are unchanged'

// The binding of a store to a keyring is permanent. No front end could use a store that is bound to an invented keyring.
function keyringOf({ keyringId: bound }: GetStoreInfoResponse, { keyringId: given }: TrialFlags): Buffer {
  const keyringId = given ?? bound
  if (keyringId.length > 0) return keyringId
  const message = 'the store is not bound to a keyring yet, and only a front end may choose one'
  throw new VaultError('KEYRING_MISMATCH', { message, fields: [{ field: 'no keyring', description: message }] })
}

function describeStore({ format, keyringId }: GetStoreInfoResponse): string {
  return `format ${format}, keyring ${keyringId.toString('hex') || 'none yet'}`
}

function bytesOf({ record, user }: RetrieveEnvelopeResponse): Buffer {
  if (record === undefined) throw trialFailure('the stored record was not found')
  if (user === undefined) throw trialFailure('the stored user was not found')
  const keys = user.generations.flatMap(({ wrappedKey, userBind }) => [wrappedKey, userBind])
  return Buffer.concat([record.envelope, record.entryBox, record.userUid, user.userUid, ...keys])
}

function mustBeStored({ result }: StoreEnvelopeResponse): void {
  if (result?.$case !== 'stored') throw trialFailure('the record of a new user was not stored')
}

async function mustBeListed(methods: BackendClient['methods'], record: SealedRecord, call: NewCall): Promise<void> {
  const listed = []
  const userPseudonym = record.recordId.subarray(0, pseudonymBytes)
  for await (const { recordId } of eachEnvelope(methods, userPseudonym, call)) listed.push(recordId)
  if (listed.length !== 1) throw trialFailure(`the user has one record, the list has ${listed.length}`)
  assertSameBytes(listed[0] ?? Buffer.alloc(0), record.recordId)
}

function mustBeDeleted({ deleted }: DeleteEnvelopeResponse): void {
  if (!deleted) throw trialFailure('the stored record was not deleted')
}

function mustBeGone({ record }: RetrieveEnvelopeResponse): void {
  if (record !== undefined) throw trialFailure('the deleted record is still there')
}
