// Upper estimates of encoded message sizes, in bytes. Senders split messages by them before the messages are encoded.
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'

const recordBytes = 320 // without its envelope and its entry
const userBytes = 128
const generationBytes = 64 // without its wrapped key

/** The most bytes that the record takes in a message. */
export function bytesOfRecord(record: SealedRecord | undefined): number {
  return record === undefined ? 0 : recordBytes + record.envelope.length + record.entryBox.length
}

/** The most bytes that the user document takes in a message. */
export function bytesOfUser(user: UserDocument | undefined): number {
  return user === undefined
    ? 0
    : user.generations.reduce((sum, { wrappedKey }) => sum + generationBytes + wrappedKey.length, userBytes)
}
