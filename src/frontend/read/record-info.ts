// What a caller is told of a record that was opened for it.
import type { RecordInfo } from '../../gen/encserver/v1/frontend.js'
import type { Retrieving, StoredRecord } from './open-record.js'

/** The size must be verified; version and time are the back end's word. */
export function recordInfo({ request }: Retrieving, { sealed, opened, said }: StoredRecord, size: number): RecordInfo {
  const { version, storeTime } = sealed
  const { keyId, mode } = opened
  return { recordName: request.recordName, version, keyId, keyMode: mode, sizeBytes: BigInt(size), storeTime, ...said }
}
