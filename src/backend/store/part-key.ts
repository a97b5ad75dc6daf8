// The grammar of a part's key, the same in every engine; each engine joins the texts with its own separator:
//   user pseudonym (48 symbols of base64url), record pseudonym (48), set id (32 hex digits), part number
// Each text has one length and no padding, so the keys of a set, and those of a user, are one range.
import { pseudonymBytes } from '../../core/envelope-sizes.js'
import type { PartSet } from './part-store.js'

/** The source of a regular expression for the text of a pseudonym. */
export const pseudonymPattern = '[A-Za-z0-9_-]{48}'
/** The source of a regular expression for the text of a set id. */
export const setIdPattern = '[0-9a-f]{32}'
/** The source of a regular expression for a part number in hex. */
export const partNumberPattern = '[0-9a-f]{5}'

/** The texts that name a part set, in the order of its key. */
export type PartSetNames = [user: string, record: string, setId: string]

/** The texts for the set. */
export function partSetNames({ recordId, setId }: PartSet): PartSetNames {
  const user = recordId.toString('base64url', 0, pseudonymBytes)
  return [user, recordId.toString('base64url', pseudonymBytes), setId.toString('hex')]
}

/** The set of these texts, which must match the patterns above. */
export function partSetOf([user, record, setId]: PartSetNames): PartSet {
  return { recordId: Buffer.from(user + record, 'base64url'), setId: Buffer.from(setId, 'hex') }
}

/** The part number in five hex digits, so that keys sort by number. */
export function partNumberText(partNumber: number): string {
  return partNumber.toString(16).padStart(5, '0')
}

/** The part number at the end of a key. */
export function partNumberOf(key: string): number {
  return Number.parseInt(key.slice(-5), 16)
}
