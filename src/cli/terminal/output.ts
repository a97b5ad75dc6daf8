// The output of the programs. Only results go to standard output. Notes and errors go to standard error; the lines of an
// error begin with "error:" or "hint:".
import { VaultError } from '../../core/errors.js'
import { type Hints, noHints } from '../program/hints.js'
import { type Loss, OutputFailure, writeResult } from './results.js'
import { type Output, printable } from './terminal.js'

/** Prints a line of the result, to standard output; rejects with OutputFailure, which tells `loss`. */
export function printLine(text: string, output: Output, loss?: Loss): Promise<void> {
  return writeResult(output, `${text}\n`, loss)
}

/** Prints lines of the result with one write, as `printLine` does; none if there are none. */
export async function printLines(lines: string[], output: Output, loss?: Loss): Promise<void> {
  if (lines.length > 0) await printLine(lines.join('\n'), output, loss)
}

/** Prints a line for people, to standard error. */
export function printNote(text: string, { stderr }: Output = process): void {
  stderr.write(`${text}\n`)
}

/** JSON with bigints as decimal text, bytes as hex, times as RFC 3339. */
export function toJson(value: object): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, shown: unknown) {
    const original = this[key]
    if (original instanceof Uint8Array) return Buffer.from(original).toString('hex')
    return typeof shown === 'bigint' ? shown.toString() : shown
  })
}

/** The failure of a program that reported each failed item before. Its message is a summary. */
export class PartialFailure extends Error {}

/** Prints an error with its hints, unless it is silent, and returns the exit code: 2 for invalid input, else 1. */
export function printError(thrown: unknown, hints: Hints = noHints, output: Output = process): number {
  if (thrown instanceof OutputFailure && thrown.isSilent) return 1
  if (!(thrown instanceof VaultError)) {
    printNote(`error: ${unexpectedMessage(thrown)}`, output)
    return 1
  }
  printNote(`error: ${thrown.reason}: ${thrown.message.split('\n').map(printable).join('\n')}`, output)
  for (const hint of hintsFor(thrown, hints)) printNote(`hint: ${hint}`, output)
  return thrown.kind === 'invalid' ? 2 : 1
}

// The message of a system error is enough ("ENOENT: no such file or directory, open 'x'"). Any other error is a bug, and is
// printed with its stack.
function unexpectedMessage(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  if (thrown instanceof PartialFailure || thrown instanceof OutputFailure) return thrown.message
  return 'syscall' in thrown ? thrown.message : (thrown.stack ?? thrown.message)
}

// Hints for fields are more specific than hints for reasons.
function hintsFor({ reason, fields, requestId }: VaultError, hints: Hints): string[] {
  const fieldHints = fields.flatMap(({ field }) => hints.fields[field] ?? [])
  const found = fieldHints.length > 0 ? fieldHints : [hints.reasons[reason] ?? []].flat()
  const trace = requestId === undefined ? [] : [`the server's log has it under request id ${printable(requestId)}`]
  return [...found, ...trace]
}
