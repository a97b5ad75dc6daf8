// About how many bytes parts of a message take, and never fewer: messages are cut by it before they are encoded.
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'

const recordBytes = 320 // all but its envelope and its entry
const userBytes = 128
const generationBytes = 64 // all but its wrapped key

export function bytesOfRecord(record: SealedRecord | undefined): number {
  return record === undefined ? 0 : recordBytes + record.envelope.length + record.entryBox.length
}

export function bytesOfUser(user: UserDocument | undefined): number {
  return user === undefined
    ? 0
    : user.generations.reduce((sum, { wrappedKey }) => sum + generationBytes + wrappedKey.length, userBytes)
}
