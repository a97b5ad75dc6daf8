// Checks of the values that a caller in JavaScript may give: a wrong type is INVALID_REQUEST with the name of the property, where
// the encoder would fail or send something else. Text that is not well formed is refused as well: the encoder
// would turn every lone surrogate into U+FFFD, and so two ids into one.
import { invalidField } from '../errors.js'

/** Throws INVALID_REQUEST with this name unless the value has the right type. */
export type FieldCheck = (name: string, value: unknown) => void

/** A check of one condition; the error says that the value must be what `description` says. */
export function must(description: string, holds: (value: unknown) => boolean): FieldCheck {
  return (name, value) => {
    if (!holds(value)) throw invalidField(name, `must be ${description}`)
  }
}

function wholeNumber(min: number, max: number): FieldCheck {
  const isInRange = (value: unknown) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max
  return must(`a whole number from ${min} to ${max}`, isInRange)
}

/** Well-formed text. */
export const text: FieldCheck = (name, value) => {
  if (typeof value !== 'string') throw invalidField(name, 'must be a string')
  if (!value.isWellFormed()) throw invalidField(name, 'is not well-formed text: it has a lone surrogate')
}

/** Any value. */
export const anything: FieldCheck = () => undefined

/** A Buffer or another Uint8Array. */
export const bytes = must('a Buffer or another Uint8Array', (value) => value instanceof Uint8Array)

/** True or false. */
export const boolean = must('true or false', (value) => typeof value === 'boolean')

/** A valid Date. */
export const date = must('a Date', (value) => value instanceof Date && !Number.isNaN(value.getTime()))

/** A number that a uint32 of a message can be. */
export const uint32 = wholeNumber(0, 2 ** 32 - 1)

/** A number that an int32 of a message can be. */
export const int32 = wholeNumber(-(2 ** 31), 2 ** 31 - 1)

/** A bigint that a uint64 of a message can be. */
export const uint64 = must(
  'a bigint from 0n to 2n ** 64n - 1n',
  (value) => typeof value === 'bigint' && BigInt.asUintN(64, value) === value,
)

/** An object without other properties than these, each with its type. Undefined stands for a property that is absent. */
export function objectOf(fields: Readonly<Record<string, FieldCheck>>): FieldCheck {
  return (name, value) => {
    if (!isObject(value)) throw invalidField(name, 'must be an object')
    checkProperties(`${name}.`, value, fields)
  }
}

/** As `objectOf`, for an argument of a method: errors name its properties without the name of the argument. */
export function argumentOf(fields: Readonly<Record<string, FieldCheck>>): FieldCheck {
  return (name, value) => {
    if (!isObject(value)) throw invalidField(name, 'must be an object')
    checkProperties('', value, fields)
  }
}

/** Throws for a property that is not in the table. */
function checkProperties(prefix: string, value: object, fields: Readonly<Record<string, FieldCheck>>): void {
  for (const [property, content] of Object.entries(value)) {
    const check = Object.hasOwn(fields, property) ? fields[property] : undefined
    if (check === undefined) throw unknownProperty(prefix, property, Object.keys(fields))
    if (content !== undefined) check(`${prefix}${property}`, content)
  }
}

/** True for an object with properties; false for a list, a Map or a Date. */
export function isObject(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]'
}

/** An error never quotes a property that is no name, which may be data. */
function unknownProperty(prefix: string, property: string, known: string[]) {
  const name = /^[A-Za-z_$][\w$]{0,40}$/.test(property) ? property : '(a property)'
  return invalidField(`${prefix}${name}`, `is not known here; the properties are ${known.join(', ')}`)
}
