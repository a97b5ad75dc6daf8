// What programs print. Results go to standard output and nothing else does; the rest goes to standard error, in lines
// that begin with "error:" or "hint:". Exit codes: 0 done, 1 failed, 2 the input can never work.
import { VaultError } from '../core/errors.js'

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** A line for people beside the result; scripts do not see it. */
export function printNote(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Bigints as decimal text, bytes as hex, times as RFC 3339. */
export function toJson(value: object): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, shown: unknown) {
    const original = this[key]
    if (original instanceof Uint8Array) return Buffer.from(original).toString('hex')
    return typeof shown === 'bigint' ? shown.toString() : shown
  })
}

/** Prints what went wrong and what to do, and returns the exit code. */
export function printError(thrown: unknown): number {
  if (!(thrown instanceof VaultError)) {
    printNote(`error: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`)
    return 1
  }
  printNote(`error: ${thrown.reason}: ${thrown.message}`)
  if (thrown.requestId !== undefined) printNote(`hint: request id ${thrown.requestId} finds it in the server's log`)
  return thrown.kind === 'invalid' ? 2 : 1
}
