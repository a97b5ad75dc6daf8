// What programs print. Results go to standard output and nothing else does; the rest goes to standard error, in lines
// that begin with "error:" or "hint:". Exit codes: 0 done, 1 failed, 2 the input can never work.
import { VaultError } from '../../core/errors.js'
import { type Hints, noHints } from '../program/hints.js'
import { type Output, printable } from './terminal.js'

export function printLine(text: string, { stdout }: Output = process): void {
  stdout.write(`${text}\n`)
}

/** A line for people beside the result; scripts do not see it. */
export function printNote(text: string, { stderr }: Output = process): void {
  stderr.write(`${text}\n`)
}

/** Bigints as decimal text, bytes as hex, times as RFC 3339. */
export function toJson(value: object): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, shown: unknown) {
    const original = this[key]
    if (original instanceof Uint8Array) return Buffer.from(original).toString('hex')
    return typeof shown === 'bigint' ? shown.toString() : shown
  })
}

/** Some of many failed, and each has been reported: the program has failed, but not for one reason. */
export class PartialFailure extends Error {}

/** Prints what went wrong and what to do, and returns the exit code. */
export function printError(thrown: unknown, hints: Hints = noHints, output: Output = process): number {
  if (!(thrown instanceof VaultError)) {
    printNote(`error: ${unexpectedMessage(thrown)}`, output)
    return 1
  }
  printNote(`error: ${thrown.reason}: ${thrown.message.split('\n').map(printable).join('\n')}`, output)
  for (const hint of hintsFor(thrown, hints)) printNote(`hint: ${hint}`, output)
  return thrown.kind === 'invalid' ? 2 : 1
}

// A file or stream that fails says enough in its message ("ENOENT: no such file or directory, open 'x'"); all else is
// a bug, and wants its stack.
function unexpectedMessage(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  if (thrown instanceof PartialFailure) return thrown.message
  return 'syscall' in thrown ? thrown.message : (thrown.stack ?? thrown.message)
}

// What a field is wrong with is more than what a reason stands for.
function hintsFor({ reason, fields, requestId }: VaultError, hints: Hints): string[] {
  const ofFields = fields.flatMap(({ field }) => hints.fields[field] ?? [])
  const found = ofFields.length > 0 ? ofFields : [hints.reasons[reason] ?? []].flat()
  const trace = requestId === undefined ? [] : [`request id ${printable(requestId)} finds it in the server's log`]
  return [...found, ...trace]
}
