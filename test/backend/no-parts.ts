// Part stores for tests without large records: any use of them is a mistake and fails.
import type { PartStore } from '../../src/backend/store/part-store.js'

export const noParts = {} as PartStore

/** For tests of records alone: every set has two parts, which never grow old. */
export const twoParts = {
  state: async () => ({ count: 2, begun: new Date(8.64e15) }),
} as unknown as PartStore
