// A record as the service knows it: sealed to an envelope and an entry box, opened from both.
//   key of the envelope, by mode: client = rk; server = DK; split = HMAC(rk, DK)
//   rk comes from the token, DK from the entry
// The mode comes from the request (from its token, or `server` without a token), never from the envelope. The entry
// must open in every mode: it has the record's expiry and attributes, which a back end must not be able to leave out.
// Every refusal costs the same derivations (client 4, server 4, split 5 HMACs) and is the same error, whether the
// caller's or the back end's bytes are wrong.
import { envelopeHeaderBytes, keyIdBytes } from '../../core/envelope-sizes.js'
import { VaultError } from '../../core/errors.js'
import type { Suite } from './aead.js'
import { type ChunkCipher, openChunks, sealChunks } from './chunks.js'
import { contextHash, recordContext } from './context.js'
import { type Entry, type EntryTerms, openEntry, sealEntry } from './entry.js'
import { type Mode, modes, openHeader, readHeader, refuseHeader, sealHeader } from './envelope.js'
import { guard } from './errors.js'
import { HmacKey, keySize, takeKey } from './hmac.js'
import type { RandomSource } from './random.js'
import { secretArena } from './secret-arena.js'
import { drawToken, type RecordKey } from './token.js'
import type { UserKey } from './user-key.js'
import type { WriteSecret } from './write-secret.js'

const nothing = Buffer.alloc(0)

/** The identity that a record is bound to; all of it comes from the request and configuration. */
export interface RecordIdentity {
  realm: string
  userId: string
  recordName: string
  callerAad: Buffer
}

/** The parameters of a new record. */
export interface SealTerms extends RecordIdentity {
  mode: Mode
  suite: Suite
  chunkLog2: number
}

/** A record being sealed under new keys. The header is made; the caller seals the chunks and the entry. */
export interface RecordSeal {
  keyId: Buffer
  header: Buffer
  cipher: ChunkCipher
  /** Empty in mode server. */
  token: string
  /** Seals the entry with these attributes; again under another user key only if nothing was stored under the one before. */
  sealEntry(userKey: UserKey, attributes: Buffer): Buffer
  /** Wipes the keys. */
  close(): void
}

/** The stored bytes of a record and all that is needed to open them. */
export interface OpenRequest extends RecordIdentity {
  /** The user key of the entry box's generation (`boxGeneration`); without one the record is refused. */
  userKey: UserKey | undefined
  token: RecordKey | undefined
  /** The expected key id where no token names one; any if undefined. */
  keyId?: Buffer
  /** The header alone is enough for `openRecordHeader`. */
  envelope: Buffer
  entryBox: Buffer
  readSuites: readonly Suite[]
}

/** A record whose keys and header are verified, and whose chunks are still sealed. */
export interface OpenedHeader {
  keyId: Buffer
  mode: Mode
  attributes: Buffer
  /** The verified commitment of the header. */
  commitment: Buffer
  /** The caller that opened the header wipes its key. */
  cipher: ChunkCipher
}

/** The verified contents of a record. */
export interface OpenedRecord extends Omit<OpenedHeader, 'cipher'> {
  data: Buffer
}

/** The caller's half of a new record's key. */
interface TokenHalf {
  keyId: Buffer
  /** Empty in mode server. */
  text: string
  /** Undefined in mode server. */
  key: HmacKey | undefined
}

/**
 * Begins to seal a record under new keys. They are drawn here, but for the key id and the caller's half if the caller
 * brought `secret`; its key stays the caller's to close.
 */
export function startSeal(terms: SealTerms, random: RandomSource, secret?: WriteSecret): RecordSeal {
  const { realm, userId, recordName, mode, suite, chunkLog2 } = terms
  const identityHash = contextHash(recordContext(terms))
  const { keyId, text, key: tokenKey } = secret ? halfOf(secret, mode) : drawHalf(mode, random)
  const dataKey = mode === modes.client ? undefined : random.fill(secretArena(keySize))
  const key = envelopeKey(tokenKey, dataKey)
  try {
    const { header, cipher } = sealHeader({ key, contextHash: identityHash, mode, keyId, suite, chunkLog2 }, random)
    return {
      header,
      cipher,
      keyId,
      token: text,
      sealEntry: (userKey, attributes) =>
        sealEntry({ realm, userId, keyId, userKey, suite }, { recordName, attributes, dataKey }, random),
      close: () => wipe(cipher.key, dataKey),
    }
  } catch (error) {
    wipe(dataKey)
    throw error
  } finally {
    if (key !== tokenKey) key.close()
    if (!secret) tokenKey?.close()
  }
}

function halfOf({ keyId, text, token, mode }: WriteSecret, expected: Mode): TokenHalf {
  guard(mode === expected, 'the secret of a write has the mode of the write')
  return { keyId, text, key: token?.key }
}

function drawHalf(mode: Mode, random: RandomSource): TokenHalf {
  if (mode !== modes.server) return drawToken(mode, random)
  return { keyId: random.fill(Buffer.allocUnsafe(keyIdBytes)), text: '', key: undefined }
}

/** Seals all data at once and returns the envelope. */
export function sealWhole({ header, cipher }: RecordSeal, data: Buffer): Buffer {
  return Buffer.concat([header, ...sealChunks(cipher, data)])
}

/** Opens entry and header; throws RECORD_KEY_MISMATCH if any of it does not match. */
export function openRecordHeader(request: OpenRequest): OpenedHeader {
  const { token, envelope, readSuites } = request
  const identityHash = contextHash(recordContext(request))
  const mode = token?.mode ?? modes.server
  const { keyId, commitment } = readHeader(envelope)
  const entry = openOwnEntry(request, { keyId, mode })
  const usesDataKey = mode !== modes.client
  const key = envelopeKey(token?.key, usesDataKey ? (entry?.dataKey ?? Buffer.alloc(keySize)) : undefined)
  try {
    const expected = { key, contextHash: identityHash, mode, keyId: token?.keyId ?? request.keyId, readSuites }
    // Everybody knows the stand-in for a data key, and a back end could seal under it, so nothing is opened with it.
    if (entry === undefined) return refuseHeader(expected, 'entry')
    const cipher = openHeader(expected, envelope)
    return { keyId: Buffer.from(keyId), mode, attributes: entry.attributes, commitment, cipher }
  } finally {
    if (key !== token?.key) key.close()
    wipe(entry?.dataKey)
  }
}

/** Opens a whole record: as `openRecordHeader`, and RECORD_CORRUPT after the commitment matched. */
export function openRecord(request: OpenRequest): OpenedRecord {
  const { cipher, ...opened } = openRecordHeader(request)
  try {
    return { data: openChunks(cipher, request.envelope.subarray(envelopeHeaderBytes)), ...opened }
  } finally {
    wipe(cipher.key)
  }
}

/** Takes as long for an absent record as a refusal takes, so that time does not tell them apart. */
export function dummyOpen(request: Omit<OpenRequest, 'userKey' | 'envelope' | 'entryBox'>): void {
  try {
    openRecord({ ...request, userKey: undefined, envelope: nothing, entryBox: nothing })
  } catch (error) {
    if (!isRefusal(error)) throw error
  }
}

/** Name and attributes of an entry box, for lists; throws as `openEntry` does. */
export function openListedEntry(
  terms: EntryTerms & { readSuites: readonly Suite[] },
  entryBox: Buffer,
): Pick<Entry, 'recordName' | 'attributes'> {
  const { dataKey, ...shown } = openEntry(terms, entryBox)
  wipe(dataKey)
  return shown
}

/** The envelope's key, from one half or both. */
function envelopeKey(tokenKey: HmacKey | undefined, dataKey: Buffer | undefined): HmacKey {
  if (tokenKey && dataKey) return takeKey(tokenKey.mac(dataKey), { brief: true })
  const key = tokenKey ?? (dataKey && HmacKey.brief(dataKey))
  guard(key !== undefined, 'an envelope has a key')
  return key
}

/** The entry, if it has this version, name and mode; undefined otherwise, and without a user key. */
function openOwnEntry(request: OpenRequest, { keyId, mode }: { keyId: Buffer; mode: Mode }): Entry | undefined {
  const { realm, userId, recordName, readSuites } = request
  const userKey = request.userKey ?? { uid: nothing, generation: 0, key: new HmacKey(Buffer.alloc(keySize)) }
  // A back end could seal under the stand-in key, so that key opens only an empty box.
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
