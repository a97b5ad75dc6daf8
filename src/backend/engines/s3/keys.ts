// The keys of parts in a bucket: the prefix, then the names of store/part-key.ts, joined by slashes.
import {
  type PartSetNames,
  partNumberPattern,
  partNumberText,
  partSetNames,
  partSetOf,
  pseudonymPattern,
  setIdPattern,
} from '../../store/part-key.js'
import type { PartSet } from '../../store/part-store.js'

const keyForm = new RegExp(`^(${pseudonymPattern})/(${pseudonymPattern})/(${setIdPattern})/${partNumberPattern}$`)

/** The prefix of the keys of a set's parts; no other key has it. */
export function setPrefix(prefix: string, set: PartSet): string {
  return `${prefix}${partSetNames(set).join('/')}/`
}

/** A key that sorts after the parts of a set, and before those of the next set. */
export function keyAfterSet(prefix: string, set: PartSet): string {
  return `${setPrefix(prefix, set)}~` // above all digits
}

/** The key of a part. */
export function partKey(prefix: string, set: PartSet, partNumber: number): string {
  return setPrefix(prefix, set) + partNumberText(partNumber)
}

/** The set of a part's key; undefined for any other key. */
export function setOf(prefix: string, key: string): PartSet | undefined {
  const names = keyForm.exec(key.slice(prefix.length))
  return names ? partSetOf(names.slice(1) as PartSetNames) : undefined
}
