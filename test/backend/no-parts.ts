// For tests without large records: to ask it anything is a mistake, and fails.
import type { PartStore } from '../../src/backend/part-store.js'

export const noParts = {} as PartStore
