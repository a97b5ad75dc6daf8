// The flags that say how a record is stored: expiry, attributes, versions to keep, and preconditions. All subcommands that
// store records take some of them.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { keyIdBytes } from '../../core/envelope-sizes.js'
import type { RequestInput } from '../../frontend/client.js'
import type { Precondition, StoreRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { hexOf } from '../files/input.js'
import { ListOption } from '../program/list-option.js'
import { parseExpiry } from './expiry.js'

/** The values of the flags for expiry, attributes and versions. */
export interface WriteFlags {
  expires?: Date
  contentType?: string
  label?: Record<string, string>
  keepVersions?: number
}

/** The values of the precondition flags. */
export interface ConditionFlags {
  ifAbsent?: true
  ifKeyId?: Buffer
}

/** The fields of a store request that `WriteFlags` set. */
export type WriteFields = Pick<RequestInput<StoreRecordRequest>, 'expireTime' | 'attributes' | 'keepVersions'>

const maxKeptVersions = 100

/** A parser of flags that are a whole number from `min` to `max`. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`
  return (text) => {
    const number = Number(text)
    if (/^\d{1,16}$/.test(text) && number >= min && number <= max) return number
    throw new InvalidArgumentError(`It must be a whole number, ${range}.`)
  }
}

function collectLabel(text: string, labels: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be KEY=VALUE.')
  const key = text.slice(0, at)
  const problem = labelKeyProblem(key)
  if (problem) throw new InvalidArgumentError(`The key ${problem}.`)
  if (Object.hasOwn(labels, key)) throw new InvalidArgumentError('There is already a label with this key.')
  return { ...labels, [key]: text.slice(at + 1) }
}

/** Why a label cannot have this key; undefined if it can. */
export function labelKeyProblem(key: string): string | undefined {
  // The decoders of both sides drop it without an error.
  return key === '__proto__' ? 'must not be __proto__' : undefined
}

/** Adds --if-key-id. */
export function addIfKeyIdFlag(command: Command): Command {
  return command.option('--if-key-id <hex>', 'store only if the current record has this key id', hexOf(keyIdBytes))
}

/** Adds --if-absent and --if-key-id, which exclude each other. */
export function addConditionFlags(command: Command): Command {
  const absent = new Option('--if-absent', 'store only if there is no such record').conflicts('ifKeyId')
  return addIfKeyIdFlag(command.addOption(absent))
}

/** Adds --keep-versions. */
export function addKeepVersionsFlag(command: Command): Command {
  return command.option(
    '--keep-versions <n>',
    'number of versions to keep, this one included (default: the last number given for the record)',
    wholeNumber(1, maxKeptVersions),
  )
}

/** Adds the flags for expiry, attributes and versions. */
export function addWriteFlags(command: Command): Command {
  return addKeepVersionsFlag(
    command
      .option(
        '--expires <time>',
        'when the record expires: a time such as 2027-01-01T00:00:00Z, or a duration such as 12h or 30d (default: never)',
        parseExpiry,
      )
      .option('--content-type <type>', 'media type of the data, such as image/png; stored encrypted')
      .addOption(new ListOption('--label <key=value>', 'label to show in lists; stored encrypted', collectLabel)),
  )
}

/** The precondition of a request; undefined without a precondition flag. */
export function preconditionOf({ ifAbsent, ifKeyId }: ConditionFlags): Precondition | undefined {
  if (ifAbsent) return { condition: { $case: 'absent', value: true } }
  return ifKeyId && { condition: { $case: 'keyId', value: ifKeyId } }
}

/** The request fields that the flags set; a flag that is not given sets none. */
export function writeFieldsOf({ expires, contentType, label, keepVersions }: WriteFlags): WriteFields {
  const hasAttributes = contentType !== undefined || label !== undefined
  return {
    ...(expires && { expireTime: expires }),
    ...(hasAttributes && { attributes: { contentType: contentType ?? '', labels: label ?? {} } }),
    ...(keepVersions !== undefined && { keepVersions }),
  }
}
