// Users, records and calls for the tests of the back end. Envelopes have a true header and random bytes for the rest.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { PartSet } from '../../src/backend/store/part-store.js'
import type { Put, Store } from '../../src/backend/store/store.js'
import { type Reason, VaultError } from '../../src/core/errors.js'
import { encodeKeyName, type KeyKind } from '../../src/core/key-check.js'
import type { CallContext } from '../../src/core/methods.js'
import type {
  SealedRecord,
  StoredEnvelope,
  StoreEnvelopeRequest,
  UserDocument,
} from '../../src/gen/encserver/v1/backend.js'

export const call: CallContext & { signal: AbortSignal } = {
  requestId: 'test',
  deadline: Number.POSITIVE_INFINITY,
  signal: new AbortController().signal,
}

export const storeTime = new Date('2025-03-01T12:00:00.123Z')

export function sampleUser(changes: Partial<UserDocument> = {}): UserDocument {
  return {
    userPseudonym: randomBytes(36),
    userUid: randomBytes(16),
    generations: [{ generation: 1, wrappedKey: randomBytes(60), userBind: randomBytes(32) }],
    ...changes,
  }
}

export function recordIdOf(user: UserDocument): Buffer {
  return Buffer.concat([user.userPseudonym, randomBytes(36)])
}

export function sampleEnvelope(bytes = 300, keyId: Buffer = randomBytes(16)): Buffer {
  return Buffer.concat([Buffer.from('52564c5401010110', 'hex'), keyId, randomBytes(bytes - 24)])
}

/** A record of the user, as the service passes it to the store. */
export function sampleRecord(user: UserDocument, changes: Partial<SealedRecord> = {}): SealedRecord {
  return {
    recordId: recordIdOf(user),
    envelope: sampleEnvelope(),
    entryBox: randomBytes(272),
    userUid: user.userUid,
    partCount: 0,
    partSetId: Buffer.alloc(0),
    sizeBytes: 196n,
    expireTime: undefined,
    version: 0n,
    storeTime,
    replacedKeyIds: [],
    lifeId: Buffer.alloc(0),
    keptVersions: 0,
    keepVersions: 0,
    ...changes,
  }
}

/** Another write of the same record. */
export function nextVersion(record: SealedRecord, changes: Partial<SealedRecord> = {}): SealedRecord {
  return { ...record, envelope: sampleEnvelope(), ...changes }
}

/** Another attempt under the key id of a record: the same record with a header and contents of its own. */
export function sameKeyId(record: SealedRecord): SealedRecord {
  return { ...record, envelope: sampleEnvelope(record.envelope.length, keyId(record)), entryBox: randomBytes(272) }
}

/** A StoreEnvelope without a precondition that keeps no versions. */
export function storeOf(record: SealedRecord, changes: Partial<StoreEnvelopeRequest> = {}): StoreEnvelopeRequest {
  return {
    record,
    newUser: undefined,
    precondition: undefined,
    keepVersions: 0,
    defaultKeepVersions: 0,
    keyringId: Buffer.alloc(16, 7),
    triedMsAgo: 0,
    keyChecks: [],
    ...changes,
  }
}

/** The check of a key: its kind and number, and random bytes unless given. */
export function sampleKeyCheck(kind: KeyKind, number: number, value: Buffer = randomBytes(32)): Buffer {
  return Buffer.concat([encodeKeyName(kind, number), value])
}

/** The name of a part set. */
export function sampleSet(recordId: Buffer = randomBytes(72)): PartSet {
  return { recordId, setId: randomBytes(16) }
}

/** A put without a precondition that keeps no versions. */
export function putOf(record: SealedRecord, changes: Partial<Put> = {}): Put {
  return {
    record,
    precondition: undefined,
    keepVersions: 0,
    defaultKeepVersions: 0,
    keptHeader: undefined,
    mayHaveCommitted: false,
    newLife: keyId(record),
    now: storeTime,
    ...changes,
  }
}

/** Writes a record; fails when a version must be kept first. */
export async function putInto(store: Store, record: SealedRecord, changes: Partial<Put> = {}): Promise<StoredEnvelope> {
  const written = await store.putRecord(putOf(record, changes), call)
  return written?.stored ?? expect.fail('a version is to be kept first')
}

/** The first version of a record, as the store returns it. */
export function firstVersion(record: SealedRecord): SealedRecord {
  return { ...record, version: 1n, lifeId: keyId(record) }
}

export function keyId({ envelope }: SealedRecord): Buffer {
  return envelope.subarray(8, 24)
}

/** The header of the envelope, which one attempt of a write alone has. */
export function headerOf({ envelope }: SealedRecord): Buffer {
  return envelope.subarray(0, 88)
}

/** The reason of a rejection; fails when the promise resolves. */
export async function reasonOf(promise: Promise<unknown>): Promise<Reason> {
  return (await rejection(promise)).reason
}

export async function rejection(promise: Promise<unknown>): Promise<VaultError> {
  const error = await promise.then(
    () => expect.fail('should have been rejected'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof VaultError)) throw error
  return error
}

export interface TempFolder {
  path: string
  remove(): Promise<void>
}

export async function tempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), 'enc-server-test-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** Waits until the condition holds. */
export async function until(condition: () => boolean, withinMs = 60_000): Promise<void> {
  const end = Date.now() + withinMs
  while (!condition()) {
    if (Date.now() > end) expect.fail('did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
