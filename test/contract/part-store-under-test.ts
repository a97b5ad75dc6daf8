// The fixture of the part store contract: an empty store and the name of an absent set for each test, and helpers.
import type { PartSet, PartStore } from '../../src/backend/store/part-store.js'
import { call, sampleSet } from '../backend/samples.js'

export interface OpenedPartStore {
  parts: PartStore
  /** Closes the store and opens it again. */
  reopen: () => Promise<PartStore>
  cleanup: () => Promise<void>
}

/** The part store of the current test. Calls without a set use `set`. */
export interface PartStoreUnderTest {
  readonly parts: PartStore
  readonly set: PartSet
  reopen(): Promise<void>
  put(partNumber: number, data: Buffer, of?: PartSet): Promise<void>
  get(partNumber: number, range?: [offset: number, length: number], of?: PartSet): Promise<Buffer | undefined>
  text(partNumber: number, range?: [offset: number, length: number]): Promise<string>
  /** Puts parts of these numbers, each with a text of its own. */
  texts(...numbers: number[]): Promise<unknown>
  /** The names of all sets in the store, as `setNames` gives them. */
  listed(): Promise<string[]>
}

export function setNames(...sets: PartSet[]): string[] {
  return sets.map(({ recordId, setId }) => `${recordId.toString('hex')} ${setId.toString('hex')}`)
}

/** Opens an empty part store before each test of the enclosing suite. */
export function openPartsForEach(open: () => Promise<OpenedPartStore>): PartStoreUnderTest {
  let opened: OpenedPartStore
  let parts: PartStore
  let set: PartSet

  beforeEach(async () => {
    opened = await open()
    parts = opened.parts
    set = sampleSet()
  })
  afterEach(() => opened.cleanup())

  const put: PartStoreUnderTest['put'] = (partNumber, data, of = set) => parts.put({ ...of, partNumber, data }, call)
  const get: PartStoreUnderTest['get'] = (partNumber, [offset, length] = [0, 0], of = set) =>
    parts.get({ ...of, partNumber, offset, length }, call)

  return {
    get parts() {
      return parts
    },
    get set() {
      return set
    },
    async reopen() {
      parts = await opened.reopen()
    },
    put,
    get,
    text: async (partNumber, range) => String(await get(partNumber, range)),
    texts: (...numbers) => Promise.all(numbers.map((each) => put(each, Buffer.from(`part ${each}`)))),
    async listed() {
      const found: string[] = []
      for await (const each of parts.sets(call)) found.push(...setNames(each))
      return found
    },
  }
}
