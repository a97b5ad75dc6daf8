// The proof that a stored version is a certain write (crypto.md section 6 f): the write digest, sealed in the entry, and in
// mode client the commitment of the envelope. A write whose caller brought no secret has no proof.
import { noBytes } from '../../core/frame.js'
import { modes, readHeader } from '../crypto/envelope.js'
import { writeDigest } from '../crypto/write-secret.js'
import { encodeSealedAttributes, noProof, type WriteProof } from '../vault/sealed-attributes.js'
import type { Vault } from '../vault/vault.js'
import type { RecordWrite, SealedWrite } from './record-write.js'

/** The write digest of contents with this SHA-256; empty without a secret. `hash` is called only for a write with one. */
export function digestOf(
  { keyring: { realm } }: Vault,
  { request, secret }: RecordWrite,
  { sizeBytes, hash }: { sizeBytes: number; hash: () => Buffer },
): Buffer {
  if (secret === undefined) return noBytes
  const { userId, recordName, callerAad } = request
  const attributes = encodeSealedAttributes(request, noProof)
  const written = { sizeBytes, contentsHash: hash(), attributes }
  return writeDigest(secret, { realm, userId, recordName, callerAad }, written)
}

/** The proof to seal into the entry of this attempt. */
export function proofOf({
  write,
  seal,
  writeDigest: digest,
}: Pick<SealedWrite, 'write' | 'seal' | 'writeDigest'>): WriteProof {
  if (write.secret === undefined) return noProof
  // In the other modes the data key, which only the entry holds, binds the entry to its envelope.
  const isBoundByKey = write.mode !== modes.client
  return { writeDigest: digest, envelopeCommitment: isBoundByKey ? noBytes : readHeader(seal.header).commitment }
}
