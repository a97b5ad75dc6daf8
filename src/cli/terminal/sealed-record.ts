// How a sealed record is printed by the programs that cannot open it: its metadata, the header of its envelope
// (docs/crypto.md section 6), which is in the clear, and a hexdump.
import { envelopeHeaderBytes } from '../../core/envelope-sizes.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'

const maxShownBytes = 160
const bytesPerLine = 16
const magic = Buffer.from('52564c54', 'hex')
const suites: Record<number, string> = { 1: 'aes-256-gcm', 2: 'chacha20-poly1305' }
const modes: Record<number, string> = { 1: 'client', 2: 'server', 3: 'split' }

/** The fields of an envelope's header, in their order. */
export interface EnvelopeHeader {
  formatVersion: number
  suite: string
  mode: string
  chunkBytes: number
  keyId: Buffer
  salt: Buffer
  commitment: Buffer
}

/** Parses the header; null if the bytes are no envelope. */
export function parseEnvelopeHeader(envelope: Buffer): EnvelopeHeader | null {
  if (envelope.length < envelopeHeaderBytes || !envelope.subarray(0, 4).equals(magic)) return null
  const [suite, mode, chunkLog2] = [envelope.readUInt8(5), envelope.readUInt8(6), envelope.readUInt8(7)]
  return {
    formatVersion: envelope.readUInt8(4),
    suite: suites[suite] ?? `unknown (${suite})`,
    mode: modes[mode] ?? `unknown (${mode})`,
    chunkBytes: 2 ** chunkLog2,
    keyId: envelope.subarray(8, 24),
    salt: envelope.subarray(24, 56),
    commitment: envelope.subarray(56, envelopeHeaderBytes),
  }
}

function hexdumpLine(bytes: Buffer, offset: number): string {
  const part = bytes.subarray(offset, offset + bytesPerLine)
  const pairs = [...part].map((byte) => byte.toString(16).padStart(2, '0'))
  const columns = `${pairs.slice(0, 8).join(' ')}  ${pairs.slice(8).join(' ')}`
  const text = part.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
  return `${offset.toString(16).padStart(8, '0')}  ${columns.padEnd(48)}  |${text}|`
}

/** The first `maxBytes` bytes: offset, sixteen bytes in hex, and their printable ASCII characters. */
function hexdump(bytes: Buffer, maxBytes: number): string[] {
  const shown = bytes.subarray(0, maxBytes)
  const lineCount = Math.ceil(shown.length / bytesPerLine)
  return Array.from({ length: lineCount }, (_, index) => hexdumpLine(shown, index * bytesPerLine))
}

function headerLines(envelope: Buffer): string[] {
  const header = parseEnvelopeHeader(envelope)
  if (header === null) return ['  unknown format of envelope']
  const { formatVersion, suite, mode, chunkBytes, keyId, salt, commitment } = header
  return [
    `  format      ${formatVersion}, ${suite}, mode ${mode}, chunks of ${chunkBytes} bytes`,
    `  key id      ${keyId.toString('hex')}`,
    `  salt        ${salt.toString('hex')}`,
    `  commitment  ${commitment.toString('hex')}`,
  ]
}

/** A record as one line of a list. */
export function sealedRecordRow(record: SealedRecord): string {
  const { recordId, envelope, version, sizeBytes, storeTime, expireTime, partCount } = record
  return [
    recordId.toString('hex'),
    `version ${version}`,
    `${sizeBytes} bytes`,
    ...(partCount === 0 ? [] : [`${partCount} parts`]),
    storeTime?.toISOString() ?? 'unknown',
    ...(expireTime === undefined ? [] : [`expires ${expireTime.toISOString()}`]),
    `key id ${parseEnvelopeHeader(envelope)?.keyId.toString('hex') ?? 'unknown'}`,
  ].join('  ')
}

/** A record in full: metadata, header fields, and the first bytes of its envelope. */
export function sealedRecordLines({ recordId, userUid, envelope, entryBox, ...metadata }: SealedRecord): string[] {
  const { version, storeTime, expireTime, sizeBytes, partCount } = metadata
  const inParts = partCount === 0 ? '' : `, in ${partCount} parts`
  return [
    `record id     ${recordId.toString('hex')}`,
    `user uid      ${userUid.toString('hex')}`,
    `stored        version ${version}, ${storeTime?.toISOString() ?? 'time unknown'}`,
    `expires       ${expireTime?.toISOString() ?? 'never'}`,
    `entry box     ${entryBox.length} bytes`,
    `envelope      ${envelope.length} bytes for ${sizeBytes} bytes of data${inParts}`,
    ...headerLines(envelope),
    partCount === 0
      ? '  its first bytes: the 88-byte header, then ciphertext'
      : '  its bytes: the 88-byte header; the ciphertext is in the parts',
    ...hexdump(envelope, maxShownBytes).map((line) => `  ${line}`),
  ]
}
