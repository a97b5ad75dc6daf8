// For tests that have no large records, or none but their rows.
import type { PartStore } from '../../src/backend/part-store.js'

/** To ask it anything is a mistake, and fails. */
export const noParts = {} as PartStore

/** Has so many parts of whatever it is asked for, the first written just then; to ask more of it fails. */
export function partsThere(count: number, now: () => Date): PartStore {
  return { state: async () => ({ count, begun: now() }) } as Partial<PartStore> as PartStore
}
