// What anybody can read of an envelope without a key: its 88-byte header (docs/crypto.md section 6). The rest is ciphertext.

const headerBytes = 88
const magic = Buffer.from('52564c54', 'hex')
const suites: Record<number, string> = { 1: 'aes-256-gcm', 2: 'chacha20-poly1305' }
const modes: Record<number, string> = { 1: 'client', 2: 'server', 3: 'split' }

/** The fields of the header, in their order. */
export interface EnvelopeView {
  formatVersion: number
  suite: string
  mode: string
  chunkBytes: number
  keyId: Buffer
  salt: Buffer
  commitment: Buffer
}

/** Null for bytes that are no envelope. */
export function viewEnvelope(envelope: Buffer): EnvelopeView | null {
  if (envelope.length < headerBytes || !envelope.subarray(0, 4).equals(magic)) return null
  const [suite, mode, chunkLog2] = [envelope.readUInt8(5), envelope.readUInt8(6), envelope.readUInt8(7)]
  return {
    formatVersion: envelope.readUInt8(4),
    suite: suites[suite] ?? `unknown (${suite})`,
    mode: modes[mode] ?? `unknown (${mode})`,
    chunkBytes: 2 ** chunkLog2,
    keyId: envelope.subarray(8, 24),
    salt: envelope.subarray(24, 56),
    commitment: envelope.subarray(56, headerBytes),
  }
}
