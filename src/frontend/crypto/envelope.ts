// Envelope v1: an 88-byte header, then chunks (chunks.ts).
//   0  magic 52 56 4c 54 | 4 version 01 | 5 suite | 6 mode | 7 chunk_log2 12..20 | 8 key id 16 | 24 salt 32 |
//   56 commitment 32 | 88 chunks
// Bytes 0..55 are the head of the derivation, so a change to any byte of the header is detected. The salt is new per
// envelope. The expected mode, key id and suites come from the request and the configuration, never from the envelope.
import { envelopeHeaderBytes, keyIdBytes } from '../../core/envelope-sizes.js'
import { isSuite, type Suite } from './aead.js'
import { type ChunkCipher, isChunkLog2, openChunks, sealChunks } from './chunks.js'
import { type DerivedKeys, deriveKeys, labels, saltSize } from './derive.js'
import { guard, mismatch } from './errors.js'
import { type HmacKey, macEquals } from './hmac.js'
import type { RandomSource } from './random.js'

const magic = Buffer.from('RVLT')
const version = 1
const versionAt = 4
const suiteAt = 5
const modeAt = 6
const chunkLog2At = 7
const keyIdAt = 8
const saltAt = 24
const headSize = saltAt + saltSize

/** Who holds the key of a record; the numbers of the contract's KeyMode. */
export const modes = { client: 1, server: 2, split: 3 } as const
/** The number of a mode. */
export type Mode = (typeof modes)[keyof typeof modes]

/** The fields of a header. */
export interface EnvelopeHeader {
  suite: Suite
  mode: Mode
  chunkLog2: number
  keyId: Buffer
  /** The bytes before the commitment. */
  head: Buffer
  commitment: Buffer
}

/** A header as stored; its fields mean nothing if there is a fault. */
interface FoundHeader extends EnvelopeHeader {
  fault: string | undefined
}

/** The parameters of a new envelope. The key is PRK of crypto.md section 3. */
export interface EnvelopeTerms {
  key: HmacKey
  contextHash: Buffer
  mode: Mode
  keyId: Buffer
  suite: Suite
  chunkLog2: number
}

/** What an envelope must be to open; the key id is unknown when no token names it. */
export interface ExpectedEnvelope {
  key: HmacKey
  contextHash: Buffer
  mode: Mode
  keyId: Buffer | undefined
  readSuites: readonly Suite[]
}

/** True for a number that names a mode. */
export function isMode(byte: number): byte is Mode {
  return byte === modes.client || byte === modes.server || byte === modes.split
}

/** Seals a whole record. */
export function sealEnvelope(terms: EnvelopeTerms, data: Buffer, random: RandomSource): Buffer {
  const { header, cipher } = sealHeader(terms, random)
  try {
    return Buffer.concat([header, ...sealChunks(cipher, data)])
  } finally {
    cipher.key.fill(0)
  }
}

/** Opens a whole record: RECORD_KEY_MISMATCH up to the commitment, RECORD_CORRUPT after it. */
export function openEnvelope(expected: ExpectedEnvelope, envelope: Buffer): Buffer {
  const cipher = openHeader(expected, envelope)
  try {
    return openChunks(cipher, envelope.subarray(envelopeHeaderBytes))
  } finally {
    cipher.key.fill(0)
  }
}

/** A new header and the cipher of its chunks, whose key the caller wipes. */
export function sealHeader(terms: EnvelopeTerms, random: RandomSource): { header: Buffer; cipher: ChunkCipher } {
  const { key, contextHash, mode, keyId, suite, chunkLog2 } = terms
  guard(isMode(mode) && isSuite(suite), 'mode and suite are of the format')
  guard(isChunkLog2(chunkLog2) && keyId.length === keyIdBytes, 'chunk_log2 is 12 to 20 and a key id has 16 bytes')
  const header = Buffer.allocUnsafe(envelopeHeaderBytes) // head and commitment are all of it
  writeHead(header, terms, random)
  const { commitment, aeadKey } = deriveKeys(key, {
    label: labels.envelope,
    head: header.subarray(0, headSize),
    contextHash,
  })
  commitment.copy(header, headSize)
  return { header, cipher: { suite, key: aeadKey, chunkLog2 } }
}

function writeHead(header: Buffer, { suite, mode, chunkLog2, keyId }: EnvelopeTerms, random: RandomSource): void {
  magic.copy(header)
  header[versionAt] = version
  header[suiteAt] = suite
  header[modeAt] = mode
  header[chunkLog2At] = chunkLog2
  keyId.copy(header, keyIdAt)
  random.fill(header.subarray(saltAt, headSize))
}

/** Verifies a header and returns the cipher of its chunks. It always takes two HMACs, so every refusal costs the same. */
export function openHeader(expected: ExpectedEnvelope, envelope: Buffer): ChunkCipher {
  const header = readHeader(envelope)
  const keys = deriveKeys(expected.key, {
    label: labels.envelope,
    head: header.head,
    contextHash: expected.contextHash,
  })
  const fault = faultOf(header, expected, keys)
  if (!fault) return { suite: header.suite, key: keys.aeadKey, chunkLog2: header.chunkLog2 }
  keys.aeadKey.fill(0)
  throw mismatch(fault)
}

/** Refuses at the cost of `openHeader`, for a caller who already knows that it must. */
export function refuseHeader({ key, contextHash }: ExpectedEnvelope, cause: string): never {
  deriveKeys(key, { label: labels.envelope, head: Buffer.alloc(headSize), contextHash }).aeadKey.fill(0)
  throw mismatch(cause)
}

/** The unverified fields of an envelope, or of its first 88 bytes; throws RECORD_KEY_MISMATCH if malformed. */
export function parseHeader(envelope: Buffer): EnvelopeHeader {
  const { fault, ...header } = readHeader(envelope)
  if (fault) throw mismatch(fault)
  return header
}

/** Reads a header without verifying it; short input counts as padded with zeros. */
export function readHeader(envelope: Buffer): FoundHeader {
  const short = envelope.length < envelopeHeaderBytes
  const bytes = short ? Buffer.concat([envelope], envelopeHeaderBytes) : envelope
  return {
    suite: bytes[suiteAt] as Suite,
    mode: bytes[modeAt] as Mode,
    chunkLog2: bytes[chunkLog2At] as number,
    keyId: bytes.subarray(keyIdAt, saltAt),
    head: bytes.subarray(0, headSize),
    commitment: bytes.subarray(headSize, envelopeHeaderBytes),
    fault: short ? 'header length' : fieldFault(bytes),
  }
}

function fieldFault(header: Buffer): string | undefined {
  if (header.compare(magic, 0, magic.length, 0, magic.length) !== 0) return 'magic'
  if (header[versionAt] !== version) return 'version'
  if (!isSuite(header[suiteAt] as number)) return 'suite'
  if (!isMode(header[modeAt] as number)) return 'mode'
  return isChunkLog2(header[chunkLog2At] as number) ? undefined : 'chunk_log2'
}

function faultOf(header: FoundHeader, expected: ExpectedEnvelope, keys: DerivedKeys): string | undefined {
  if (header.fault) return header.fault
  if (!expected.readSuites.includes(header.suite)) return 'suite'
  if (header.mode !== expected.mode) return 'mode'
  if (expected.keyId && !header.keyId.equals(expected.keyId)) return 'key id'
  return macEquals(header.commitment, keys.commitment) ? undefined : 'commitment'
}
