// The steps of a trial. Each step prints one line with its outcome and duration; the first failure ends the trial.
import { VaultError } from '../../core/errors.js'
import type { Session } from '../program/program.js'
import { printLine } from './output.js'

/** Runs one step; `describe` returns its outcome as text. */
export type Step = <T>(name: string, work: () => Promise<T>, describe: (outcome: T) => string) => Promise<T>

/** The function that runs the steps of one trial. */
export function trialSteps({ terminal }: Session): Step {
  return async (name, work, describe) => {
    const startedAt = performance.now()
    const print = (outcome: string) => {
      const ms = (performance.now() - startedAt).toFixed(1)
      return printLine(`  ${name.padEnd(9)} ${outcome.padEnd(62)} ${ms.padStart(8)} ms`, terminal)
    }
    const outcome = await work().catch(async (error: unknown) => {
      await print('FAILED')
      throw error
    })
    await print(describe(outcome))
    return outcome
  }
}

/** The error of a vault that does not work as specified. */
export function trialFailure(message: string): VaultError {
  return new VaultError('INTERNAL', { message })
}

/** Throws unless both are the same bytes; the error names the first difference. */
export function assertSameBytes(found: Buffer, expected: Buffer): void {
  if (found.equals(expected)) return
  if (found.length !== expected.length) throw trialFailure(`stored ${expected.length} bytes, retrieved ${found.length}`)
  const at = expected.findIndex((byte, index) => byte !== found[index])
  throw trialFailure(`stored ${hex(expected[at])} at byte ${at}, retrieved ${hex(found[at])}`)
}

function hex(byte = 0): string {
  return `0x${byte.toString(16).padStart(2, '0')}`
}
