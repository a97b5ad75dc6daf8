// A write of a record on its way: as it was requested, then as it was sealed.
import type { StoreRecordRequest } from '../../gen/encserver/v1/frontend.js'
import type { Mode } from '../crypto/envelope.js'
import type { RecordSeal } from '../crypto/record.js'
import type { WriteSecret } from '../crypto/write-secret.js'
import type { User } from '../keys/user-key-source.js'

/** A checked request to write a record, and the place of the record. */
export interface RecordWrite {
  user: User
  recordId: Buffer
  mode: Mode
  request: StoreRecordRequest
  /** The secret that the caller made for this write; undefined if the front end draws it. */
  secret: WriteSecret | undefined
  /** In a repeat, the earliest start of the first attempt, by `performance.now()`; otherwise undefined. */
  triedSince: number | undefined
}

/** A write with its contents in one message. */
export interface WholeWrite extends RecordWrite {
  data: Buffer
}

/** A sealed record, not yet stored. */
export interface SealedWrite {
  write: RecordWrite
  seal: RecordSeal
  /** The header and all chunks; of a record in parts the header alone. */
  envelope: Buffer
  partCount: number
  /** The name of its part set; empty for a record without parts. */
  partSetId: Buffer
  sizeBytes: number
  /** Empty if the caller brought no secret. */
  writeDigest: Buffer
}
