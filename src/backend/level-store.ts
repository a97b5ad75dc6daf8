// The embedded store: three LevelDB databases in one folder, so that user documents have backups of their own.
//   records/  72-byte record id -> SealedRecord without the id
//   users/    36-byte user pseudonym -> UserDocument
//   meta/     names -> text or bytes (level-meta.ts)
// One process owns the folder.
import { join } from 'node:path'
import { makePrivateFolder } from '../core/durable-file.js'
import { SealedRecord, type StoredEnvelope, UserDocument } from '../gen/encserver/v1/backend.js'
import type { Precondition } from '../gen/encserver/v1/frontend.js'
import { type CombinedHealth, combinedHealth } from './combined-health.js'
import { type LevelDatabase, openLevelDatabase } from './level-database.js'
import { openError } from './level-errors.js'
import type { Codec } from './level-handle.js'
import { checkFormat, keyringKey, knownFormat, metaCodec, setIfAbsent } from './level-meta.js'
import type { Backoff } from './level-recovery.js'
import { intact, isDamaged, type Row, rowCodec } from './level-row.js'
import { pageBuilder } from './record-page.js'
import type { RecordRange, Store, StoreCall } from './store.js'
import { decideDelete, decideWrite } from './write-rules.js'

export interface LevelStoreOptions {
  /** Made when it is not there, for this user only. */
  folder: string
  /** How soon and how seldom to try again after a failed write. */
  backoff?: Backoff
}

interface Databases {
  meta: LevelDatabase<Buffer>
  users: LevelDatabase<Row<UserDocument>>
  records: LevelDatabase<Row<SealedRecord>>
}

const noBytes = Buffer.alloc(0)
const idTail = Buffer.alloc(36, 0xff)

const userCodec = rowCodec<UserDocument>({
  encode: (user: UserDocument) => UserDocument.encode(user).finish(),
  decode: (bytes: Buffer) => UserDocument.decode(bytes),
})

const recordCodec = rowCodec<SealedRecord>({
  encode: (record: SealedRecord) => SealedRecord.encode({ ...record, recordId: noBytes }).finish(),
  decode: (bytes: Buffer) => SealedRecord.decode(bytes),
})

function putRecord(
  records: LevelDatabase<Row<SealedRecord>>,
  { record, precondition, call }: { record: SealedRecord; precondition: Precondition | undefined; call: StoreCall },
): Promise<StoredEnvelope> {
  return records.write({
    key: record.recordId,
    bytes: record.recordId.length + record.envelope.length + record.entryBox.length,
    decide(row) {
      // A damaged row has no version to hold a precondition against; without one it is replaced.
      const current = precondition === undefined && isDamaged(row) ? undefined : intact(row)
      const { write, stored, replacedKeyIds } = decideWrite(current, record, precondition)
      return write
        ? { change: { value: { ...record, ...stored, replacedKeyIds } }, answer: stored }
        : { answer: stored }
    },
    call,
  })
}

async function listRecords(records: LevelDatabase<Row<SealedRecord>>, range: RecordRange, call: StoreCall) {
  const { userPseudonym, after } = range
  const builder = pageBuilder(range)
  const keys = { ...(after ? { gt: after } : { gte: userPseudonym }), lte: Buffer.concat([userPseudonym, idTail]) }
  const listed = (row: Row<SealedRecord>) => (isDamaged(row) ? { ...unreadable, userUid: range.userUid } : row)
  await records.scan(keys, (recordId, row) => builder.add({ ...listed(row), recordId }), call)
  return builder.page()
}

// What a list shows of a damaged row: the front end counts it as unreadable.
const unreadable = SealedRecord.create()

async function isEmpty({ users, records }: Databases, call: StoreCall): Promise<boolean> {
  let empty = true
  const visit = () => {
    empty = false
    return false
  }
  await users.scan({}, visit, call)
  if (empty) await records.scan({}, visit, call)
  return empty
}

function levelStore(databases: Databases, { health, onHealth }: CombinedHealth): Store {
  const { meta, users, records } = databases
  return {
    async meta(call) {
      // Rows before the keyring: whoever binds it does so before writing a row, so rows without a keyring are real.
      const empty = await isEmpty(databases, call)
      const keyringId = await meta.get(keyringKey, call)
      return { format: knownFormat, keyringId, empty: empty && keyringId === undefined }
    },
    bindKeyring: (keyringId, call) => setIfAbsent(meta, { key: keyringKey, value: keyringId, call }),
    getUser: async (pseudonym, call) => intact(await users.get(pseudonym, call)),
    insertUser: (user, call) =>
      users.write<UserDocument>({
        key: user.userPseudonym,
        bytes: user.generations.reduce((sum, { wrappedKey }) => sum + wrappedKey.length, 100),
        decide(row) {
          const current = intact(row)
          return current ? { answer: current } : { change: { value: user }, answer: user }
        },
        call,
      }),
    async getRecord(recordId, call) {
      const row = intact(await records.get(recordId, call))
      return row && { ...row, recordId }
    },
    putRecord: (record, precondition, call) => putRecord(records, { record, precondition, call }),
    deleteRecord: (target, call) =>
      records.write<boolean>({
        key: target.recordId,
        bytes: target.recordId.length,
        decide(row) {
          const answer = (isDamaged(row) && target.expectKeyId === undefined) || decideDelete(intact(row), target)
          return answer ? { change: { value: undefined }, answer } : { answer }
        },
        call,
      }),
    listRecords: (range, call) => listRecords(records, range, call),
    health,
    onHealth,
    async close() {
      await Promise.all([records, users, meta].map((database) => database.close()))
    },
  }
}

async function openDatabases({ folder, backoff }: LevelStoreOptions, { add, changed }: CombinedHealth) {
  const opened: { close(): Promise<void> }[] = []
  async function openPart<Value>(name: string, codec: Codec<Value>): Promise<LevelDatabase<Value>> {
    const database = await openLevelDatabase({ folder: join(folder, name), codec, backoff, changed })
    opened.push(database)
    add(database.health)
    return database
  }

  await makePrivateFolder(folder)
  try {
    const meta = await openPart('meta', metaCodec)
    // First: a store of another format is left as it is.
    await checkFormat(
      meta,
      ['users', 'records'].map((name) => join(folder, name)),
    )
    return { meta, users: await openPart('users', userCodec), records: await openPart('records', recordCodec) }
  } catch (error) {
    await Promise.all(opened.map((database) => database.close()))
    throw error
  }
}

/** Opens the store, and makes it if it is not there. Throws STORE_FORMAT, or STORE_UNAVAILABLE with what is wrong. */
export async function openLevelStore(options: LevelStoreOptions): Promise<Store> {
  const health = combinedHealth()
  try {
    return levelStore(await openDatabases(options, health), health)
  } catch (error) {
    throw openError(options.folder, error)
  }
}
