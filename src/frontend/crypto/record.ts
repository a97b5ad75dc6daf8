// A record as the service knows it: sealed to an envelope and an entry box, opened from both.
//   key of the envelope: client rk, server DK, split HMAC(rk, DK); rk is the token's, DK is in the entry
// The mode is the request's (the token's, or server without one), never the envelope's. Whatever does not open, of the
// caller's or the back end's, costs the same derivations (client 2, server 4, split 5 HMACs) and yields the same error.
import { VaultError } from '../../core/errors.js'
import type { Suite } from './aead.js'
import { contextHash, recordContext } from './context.js'
import { type EntryTerms, openEntry, sealEntry } from './entry.js'
import { keyIdSize, type Mode, modes, openEnvelope, readHeader, refuseHeader, sealEnvelope } from './envelope.js'
import { guard } from './faults.js'
import { HmacKey, keySize, takeKey } from './hmac.js'
import type { RandomSource } from './random.js'
import { encodeToken, type RecordKey } from './token.js'
import type { UserKey } from './user-key.js'

const nothing = Buffer.alloc(0)

/** What a record is bound to; all of it comes from the request and configuration. */
export interface RecordIdentity {
  realm: string
  userId: string
  recordName: string
  callerAad: Buffer
}

export interface SealRequest extends RecordIdentity {
  userKey: UserKey
  data: Buffer
  mode: Mode
  suite: Suite
  chunkLog2: number
}

export interface SealedRecord {
  keyId: Buffer
  envelope: Buffer
  entryBox: Buffer
  /** Empty in mode server. */
  token: string
}

export interface OpenRequest extends RecordIdentity {
  /** Of the generation in the entry box (`boxGeneration`); mode client opens without, others are refused. */
  userKey: UserKey | undefined
  token: RecordKey | undefined
  envelope: Buffer
  entryBox: Buffer
  readSuites: readonly Suite[]
}

export interface OpenedRecord {
  data: Buffer
  keyId: Buffer
  mode: Mode
}

/** Seals a record under new keys, all of them drawn here. */
export function sealRecord(request: SealRequest, random: RandomSource): SealedRecord {
  const { recordName, mode, suite, chunkLog2, data } = request
  const identityHash = contextHash(recordContext(request))
  const keyId = random.bytes(keyIdSize)
  const rk = mode === modes.server ? undefined : random.bytes(keySize)
  const dataKey = mode === modes.client ? undefined : random.bytes(keySize)
  const tokenKey = rk && new HmacKey(rk)
  const key = envelopeKey(tokenKey, dataKey)
  try {
    const token = rk && mode !== modes.server ? encodeToken({ mode, keyId, rk }) : ''
    const entryBox = sealEntry({ ...request, keyId }, { recordName, attributes: nothing, dataKey }, random)
    const terms = { key, contextHash: identityHash, mode, keyId, suite, chunkLog2 }
    return { keyId, envelope: sealEnvelope(terms, data, random), entryBox, token }
  } finally {
    for (const held of [tokenKey, key]) held?.close()
    for (const bytes of [rk, dataKey]) bytes?.fill(0)
  }
}

/** Opens a record: RECORD_KEY_MISMATCH until the envelope's commitment matched, RECORD_CORRUPT after it. */
export function openRecord(request: OpenRequest): OpenedRecord {
  const { token, envelope, readSuites } = request
  const identityHash = contextHash(recordContext(request))
  const mode = token?.mode ?? modes.server
  const { keyId } = readHeader(envelope)
  const usesEntry = mode !== modes.client
  const dataKey = usesEntry ? openDataKey(request, keyId) : undefined
  const refused = usesEntry && !dataKey
  const key = envelopeKey(token?.key, refused ? Buffer.alloc(keySize) : dataKey)
  try {
    const expected = { key, contextHash: identityHash, mode, keyId: token?.keyId, readSuites }
    // The stand-in for a data key is known to everybody, so nothing is opened with it: a back end could seal under it.
    if (refused) return refuseHeader(expected, 'entry')
    return { data: openEnvelope(expected, envelope), keyId: Buffer.from(keyId), mode }
  } finally {
    if (key !== token?.key) key.close()
    dataKey?.fill(0)
  }
}

/** Does for an absent record what a refused one costs, so that the time does not tell them apart. */
export function dummyOpen(request: Omit<OpenRequest, 'userKey' | 'envelope' | 'entryBox'>): void {
  try {
    openRecord({ ...request, userKey: undefined, envelope: nothing, entryBox: nothing })
  } catch (error) {
    if (!isRefusal(error)) throw error
  }
}

/** The name in an entry box, for lists; the errors of a box. */
export function openRecordName(terms: EntryTerms & { readSuites: readonly Suite[] }, entryBox: Buffer): string {
  const entry = openEntry(terms, entryBox)
  entry.dataKey?.fill(0)
  return entry.recordName
}

/** The envelope's key from the halves there are; one of them is. */
function envelopeKey(tokenKey: HmacKey | undefined, dataKey: Buffer | undefined): HmacKey {
  if (tokenKey && dataKey) return takeKey(tokenKey.mac(dataKey))
  const key = tokenKey ?? (dataKey && new HmacKey(dataKey))
  guard(key !== undefined, 'an envelope has a key')
  return key
}

/** The data key from the entry of this version and name; nothing if the entry is not that, or there is no user key. */
function openDataKey(request: OpenRequest, keyId: Buffer): Buffer | undefined {
  const { realm, userId, readSuites } = request
  const userKey = request.userKey ?? { uid: nothing, generation: 0, key: new HmacKey(Buffer.alloc(keySize)) }
  // The stand-in key meets an empty box only: as with the data key, a back end could seal under it.
  const entryBox = request.userKey ? request.entryBox : nothing
  try {
    const entry = openEntry({ realm, userId, keyId, userKey, readSuites }, entryBox)
    if (entry.recordName === request.recordName) return entry.dataKey
    entry.dataKey?.fill(0)
    return undefined
  } catch (error) {
    if (isRefusal(error)) return undefined
    throw error
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof VaultError && (error.reason === 'RECORD_KEY_MISMATCH' || error.reason === 'RECORD_CORRUPT')
}
