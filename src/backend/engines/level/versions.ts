// Kept versions in LevelDB (record/versions.ts).
//   versions/  72-byte record id, 16-byte life id, u64 version -> SealedRecord without the id

import { recordIdBytes } from '../../../core/envelope-sizes.js'
import type { SealedRecord } from '../../../gen/encserver/v1/backend.js'
import { cutToHeader } from '../../record/envelope-header.js'
import type { Store, VersionId, VersionRange } from '../../store/store.js'
import type { KeyRange } from './database.js'
import type { ExpiryIndex } from './expiry-index.js'
import { type LevelRecords, unreadableRecord } from './records.js'
import { isDamaged, requireIntact } from './row-codec.js'

type VersionMethods = Pick<Store, 'putVersion' | 'getVersion' | 'listVersions' | 'removeVersion' | 'versionedRecords'>

const lifeBytes = 16
/** Sorts after every key that begins with the same record id. */
const maxKeyTail = Buffer.alloc(lifeBytes + 9, 0xff)

function versionBytes(version: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(version)
  return bytes
}

function keyOf({ recordId, lifeId, version }: VersionId): Buffer {
  return Buffer.concat([recordId, lifeId, versionBytes(version)])
}

function idOf(key: Buffer): VersionId {
  return {
    recordId: Buffer.from(key.subarray(0, recordIdBytes)),
    lifeId: Buffer.from(key.subarray(recordIdBytes, recordIdBytes + lifeBytes)),
    version: key.readBigUInt64BE(recordIdBytes + lifeBytes),
  }
}

function keysOf({ recordId, life }: VersionRange): KeyRange {
  if (life === undefined) return { gt: recordId, lt: Buffer.concat([recordId, maxKeyTail]) }
  const { lifeId, below } = life
  return { gt: Buffer.concat([recordId, lifeId]), lt: keyOf({ recordId, lifeId, version: below }) }
}

/** The record ids of sorted keys, without repeats. */
function distinctIds(keys: Buffer[]): Buffer[] {
  const ids: Buffer[] = []
  for (const key of keys) {
    const { recordId } = idOf(key)
    if (!ids.at(-1)?.equals(recordId)) ids.push(recordId)
  }
  return ids
}

/** The methods of a store that keep versions. */
export function versionMethods({ versions, expiry }: { versions: LevelRecords; expiry: ExpiryIndex }): VersionMethods {
  return {
    putVersion: (version, call) =>
      versions.write<void>({
        key: keyOf(version),
        bytes: recordIdBytes + version.envelope.length + version.entryBox.length,
        decide: () => ({ change: { value: version }, answer: undefined }),
        call,
      }),
    async getVersion(id, call) {
      const row = requireIntact(await versions.get(keyOf(id), call))
      return row && { ...row, recordId: id.recordId }
    },
    async listVersions(range, call) {
      const found: SealedRecord[] = []
      const add = (key: Buffer, row: SealedRecord) => found.push(cutToHeader({ ...row, ...idOf(key) }))
      await versions.scan(keysOf(range), (key, row) => add(key, isDamaged(row) ? unreadableRecord : row) > 0, call)
      return found
    },
    async removeVersion(version, call) {
      const key = keyOf(version)
      const decide = () => ({ change: { value: undefined }, answer: undefined })
      await versions.write<void>({ key, bytes: key.length, decide, call })
      expiry.remove(version)
    },
    async versionedRecords({ after, limit }, call) {
      const range = after ? { gt: Buffer.concat([after, maxKeyTail]) } : {}
      const keys = await versions.keys({ ...range, limit }, call)
      const recordIds = distinctIds(keys)
      return { recordIds, next: keys.length < limit ? undefined : recordIds.at(-1) }
    },
  }
}
