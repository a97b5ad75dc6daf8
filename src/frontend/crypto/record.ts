// A record as the service knows it: sealed to an envelope and an entry box, opened from both.
//   key of the envelope: client rk, server DK, split HMAC(rk, DK); rk is the token's, DK is in the entry
// The mode is the request's (the token's, or server without one), never the envelope's. The entry must open in every mode:
// a record's expiry and attributes are in it, and a back end must not be able to leave them out. Whatever does not open, of
// the caller's or the back end's, costs the same derivations (client 4, server 4, split 5 HMACs) and yields the same error.
import { VaultError } from '../../core/errors.js'
import type { Suite } from './aead.js'
import { type ChunkCipher, headerSize, openChunks, sealChunks } from './chunks.js'
import { contextHash, recordContext } from './context.js'
import { type Entry, type EntryTerms, openEntry, sealEntry } from './entry.js'
import { keyIdSize, type Mode, modes, openHeader, readHeader, refuseHeader, sealHeader } from './envelope.js'
import { guard } from './errors.js'
import { HmacKey, keySize, takeKey } from './hmac.js'
import type { RandomSource } from './random.js'
import { secretArena } from './secret-arena.js'
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

export interface SealTerms extends RecordIdentity {
  mode: Mode
  suite: Suite
  chunkLog2: number
  /** Encoded; they go into the entry. */
  attributes: Buffer
}

/** A record under new keys, its header made; its chunks are sealed one by one, its entry under whatever user key is live. */
export interface RecordSeal {
  keyId: Buffer
  header: Buffer
  cipher: ChunkCipher
  /** Empty in mode server. */
  token: string
  /** May be made again under another user key, as long as none was stored. */
  sealEntry(userKey: UserKey): Buffer
  /** Wipes the keys. */
  close(): void
}

export interface OpenRequest extends RecordIdentity {
  /** Of the generation in the entry box (`boxGeneration`); without one the record is refused. */
  userKey: UserKey | undefined
  token: RecordKey | undefined
  /** Its header is enough for `openRecordHeader`. */
  envelope: Buffer
  entryBox: Buffer
  readSuites: readonly Suite[]
}

/** A record whose keys and header are verified; its chunks are opened one by one. */
export interface OpenedHeader {
  keyId: Buffer
  mode: Mode
  attributes: Buffer
  /** Its key is for whoever opened the header to wipe. */
  cipher: ChunkCipher
}

export interface OpenedRecord extends Omit<OpenedHeader, 'cipher'> {
  data: Buffer
}

/** Begins to seal a record under new keys, all of them drawn here. */
export function startSeal(terms: SealTerms, random: RandomSource): RecordSeal {
  const { realm, userId, recordName, attributes, mode, suite, chunkLog2 } = terms
  const identityHash = contextHash(recordContext(terms))
  const keyId = random.fill(Buffer.allocUnsafe(keyIdSize))
  const rk = mode === modes.server ? undefined : random.fill(secretArena(keySize))
  const dataKey = mode === modes.client ? undefined : random.fill(secretArena(keySize))
  const tokenKey = rk && HmacKey.brief(rk)
  const key = envelopeKey(tokenKey, dataKey)
  try {
    const token = rk && mode !== modes.server ? encodeToken({ mode, keyId, rk }) : ''
    const { header, cipher } = sealHeader({ key, contextHash: identityHash, mode, keyId, suite, chunkLog2 }, random)
    const entry = { recordName, attributes, dataKey }
    return {
      header,
      cipher,
      keyId,
      token,
      sealEntry: (userKey) => sealEntry({ realm, userId, keyId, userKey, suite }, entry, random),
      close: () => wipe(cipher.key, dataKey),
    }
  } catch (error) {
    wipe(dataKey)
    throw error
  } finally {
    for (const held of [tokenKey, key]) held?.close()
    wipe(rk)
  }
}

/** The envelope of a record that is sealed as a whole. */
export function sealWhole({ header, cipher }: RecordSeal, data: Buffer): Buffer {
  return Buffer.concat([header, ...sealChunks(cipher, data)])
}

/** Opens everything but the chunks; RECORD_KEY_MISMATCH for whatever does not fit. */
export function openRecordHeader(request: OpenRequest): OpenedHeader {
  const { token, envelope, readSuites } = request
  const identityHash = contextHash(recordContext(request))
  const mode = token?.mode ?? modes.server
  const { keyId } = readHeader(envelope)
  const entry = openOwnEntry(request, { keyId, mode })
  const usesDataKey = mode !== modes.client
  const key = envelopeKey(token?.key, usesDataKey ? (entry?.dataKey ?? Buffer.alloc(keySize)) : undefined)
  try {
    const expected = { key, contextHash: identityHash, mode, keyId: token?.keyId, readSuites }
    // The stand-in for a data key is known to everybody, so nothing is opened with it: a back end could seal under it.
    if (entry === undefined) return refuseHeader(expected, 'entry')
    const cipher = openHeader(expected, envelope)
    return { keyId: Buffer.from(keyId), mode, attributes: entry.attributes, cipher }
  } finally {
    if (key !== token?.key) key.close()
    wipe(entry?.dataKey)
  }
}

/** Opens a whole record: as `openRecordHeader`, and RECORD_CORRUPT after the commitment matched. */
export function openRecord(request: OpenRequest): OpenedRecord {
  const { cipher, ...opened } = openRecordHeader(request)
  try {
    return { data: openChunks(cipher, request.envelope.subarray(headerSize)), ...opened }
  } finally {
    wipe(cipher.key)
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

/** Name and attributes in an entry box, for lists; the errors of a box. */
export function openListedEntry(
  terms: EntryTerms & { readSuites: readonly Suite[] },
  entryBox: Buffer,
): Pick<Entry, 'recordName' | 'attributes'> {
  const { dataKey, ...shown } = openEntry(terms, entryBox)
  wipe(dataKey)
  return shown
}

/** The envelope's key from the halves there are; one of them is. */
function envelopeKey(tokenKey: HmacKey | undefined, dataKey: Buffer | undefined): HmacKey {
  if (tokenKey && dataKey) return takeKey(tokenKey.mac(dataKey), { brief: true })
  const key = tokenKey ?? (dataKey && HmacKey.brief(dataKey))
  guard(key !== undefined, 'an envelope has a key')
  return key
}

/** The entry of this version, name and mode; nothing if it is not that, or there is no user key. */
function openOwnEntry(request: OpenRequest, { keyId, mode }: { keyId: Buffer; mode: Mode }): Entry | undefined {
  const { realm, userId, recordName, readSuites } = request
  const userKey = request.userKey ?? { uid: nothing, generation: 0, key: new HmacKey(Buffer.alloc(keySize)) }
  // The stand-in key meets an empty box only: as with the data key, a back end could seal under it.
  const entryBox = request.userKey ? request.entryBox : nothing
  try {
    const entry = openEntry({ realm, userId, keyId, userKey, readSuites }, entryBox)
    const hasDataKey = entry.dataKey !== undefined
    if (entry.recordName === recordName && hasDataKey === (mode !== modes.client)) return entry
    wipe(entry.dataKey)
    return undefined
  } catch (error) {
    if (isRefusal(error)) return undefined
    throw error
  }
}

function wipe(...held: (Buffer | undefined)[]): void {
  for (const bytes of held) bytes?.fill(0)
}

function isRefusal(error: unknown): boolean {
  return error instanceof VaultError && (error.reason === 'RECORD_KEY_MISMATCH' || error.reason === 'RECORD_CORRUPT')
}
