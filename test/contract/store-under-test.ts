// The fixture of the store contracts: an empty store and a sample user for each test, and helpers.
import type { Store } from '../../src/backend/store/store.js'
import type { SealedRecord, StoredEnvelope, UserDocument } from '../../src/gen/encserver/v1/backend.js'
import type { Precondition } from '../../src/gen/encserver/v1/frontend.js'
import { call, putInto, sampleRecord, sampleUser, storeTime } from '../backend/samples.js'

export interface OpenedStore {
  store: Store
  /** Closes the store and opens it again. */
  reopen: () => Promise<Store>
  cleanup: () => Promise<void>
}

/** The store of the current test. */
export interface StoreUnderTest {
  readonly store: Store
  readonly user: UserDocument
  /** Closes the store and opens it again. */
  reopen(): Promise<void>
  put(record: SealedRecord, precondition?: Precondition): Promise<StoredEnvelope>
  putMany(count: number): Promise<SealedRecord[]>
  /** Deletes the record; returns true if it existed. */
  remove(record: SealedRecord, expectKeyId?: Buffer): Promise<boolean>
  /** Reads all pages of the user's records, and calls `between` after each. */
  walk(limit: number, between?: (page: number) => Promise<void>): Promise<SealedRecord[][]>
}

export const absent: Precondition = { condition: { $case: 'absent', value: true } }

export function withKeyId(value: Buffer): Precondition {
  return { condition: { $case: 'keyId', value } }
}

export function hexIds(records: SealedRecord[]): string[] {
  return records.map(({ recordId }) => recordId.toString('hex'))
}

/** Opens an empty store before each test of the enclosing suite. */
export function openForEach(open: () => Promise<OpenedStore>): StoreUnderTest {
  let opened: OpenedStore
  let store: Store
  let user: UserDocument

  beforeEach(async () => {
    opened = await open()
    store = opened.store
    user = sampleUser()
  })
  afterEach(() => opened.cleanup())

  const put = (record: SealedRecord, precondition?: Precondition) => putInto(store, record, { precondition })

  return {
    get store() {
      return store
    },
    get user() {
      return user
    },
    async reopen() {
      store = await opened.reopen()
    },
    put,
    async putMany(count) {
      const records = Array.from({ length: count }, () => sampleRecord(user))
      await Promise.all(records.map((record) => put(record)))
      return records
    },
    async remove({ recordId, userUid }, expectKeyId) {
      return (await store.deleteRecord({ recordId, userUid, expectKeyId, now: storeTime }, call)) !== undefined
    },
    async walk(limit, between = async () => undefined) {
      const { userPseudonym, userUid } = user
      const pages: SealedRecord[][] = []
      let after: Buffer | undefined
      do {
        const range = { userPseudonym, userUid, now: storeTime, after, limit, maxBytes: 1 << 20 }
        const page = await store.listRecords(range, call)
        pages.push(page.records)
        after = page.next
        await between(pages.length)
      } while (after)
      return pages
    },
  }
}
