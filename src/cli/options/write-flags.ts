// The flags that say how a record is stored, the same for every subcommand that stores one.
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { RequestInput } from '../../frontend/client.js'
import type { Precondition, StoreRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { hexOf } from '../files/input.js'
import { parseExpiry } from './expiry.js'

export interface WriteFlags {
  expires?: Date
  contentType?: string
  label?: Record<string, string>
  keepVersions?: number
}

export interface ConditionFlags {
  ifAbsent?: true
  ifKeyId?: Buffer
}

/** What a request may hold of it. */
export type WriteFields = Pick<RequestInput<StoreRecordRequest>, 'expireTime' | 'attributes' | 'keepVersions'>

const maxKeptVersions = 100

/** A parser of flags that are a whole number, at least `least`. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `${least} to ${most}`
  return (text) => {
    const number = Number(text)
    if (/^\d{1,16}$/.test(text) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`It must be a whole number, ${range}.`)
  }
}

function collectLabel(text: string, labels: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be KEY=VALUE.')
  const key = text.slice(0, at)
  const refusal = labelKeyProblem(key)
  if (refusal) throw new InvalidArgumentError(`The key ${refusal}.`)
  if (Object.hasOwn(labels, key)) throw new InvalidArgumentError('There is a label of that key already.')
  return { ...labels, [key]: text.slice(at + 1) }
}

/** Why there can be no label of that key; undefined if there can. */
export function labelKeyProblem(key: string): string | undefined {
  // The decoders of both sides would drop it unseen.
  return key === '__proto__' ? 'must not be __proto__' : undefined
}

export function addIfKeyIdFlag(command: Command): Command {
  return command.option('--if-key-id <hex>', 'only if the record there has this key id', hexOf(16))
}

export function addConditionFlags(command: Command): Command {
  const absent = new Option('--if-absent', 'only if there is no record of that name').conflicts('ifKeyId')
  return addIfKeyIdFlag(command.addOption(absent))
}

export function addKeepVersionsFlag(command: Command): Command {
  return command.option(
    '--keep-versions <n>',
    'how many versions to keep, this one included (default: as the record was told before)',
    wholeNumber(1, maxKeptVersions),
  )
}

export function addWriteFlags(command: Command): Command {
  return addKeepVersionsFlag(
    command
      .option('--expires <time>', 'when it goes by itself: 2027-01-01T00:00:00Z, or 12h or 30d from now', parseExpiry)
      .option('--content-type <type>', 'what the data is, such as image/png; sealed')
      .option('--label <key=value>', 'something to find it by in a list; sealed; may be repeated', collectLabel),
  )
}

export function preconditionOf({ ifAbsent, ifKeyId }: ConditionFlags): Precondition | undefined {
  if (ifAbsent) return { condition: { $case: 'absent', value: true } }
  return ifKeyId && { condition: { $case: 'keyId', value: ifKeyId } }
}

/** What the flags ask for; nothing of what they do not name. */
export function writeFieldsOf({ expires, contentType, label, keepVersions }: WriteFlags): WriteFields {
  const described = contentType !== undefined || label !== undefined
  return {
    ...(expires && { expireTime: expires }),
    ...(described && { attributes: { contentType: contentType ?? '', labels: label ?? {} } }),
    ...(keepVersions !== undefined && { keepVersions }),
  }
}
