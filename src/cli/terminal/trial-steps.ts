// Steps of a trial: each prints one line with what came of it and how long it took, and the first that fails ends it.
import { VaultError } from '../../core/errors.js'
import type { Session } from '../program/program.js'
import { printLine } from './output.js'

/** Does one step; `describe` puts its outcome in words. */
export type Step = <T>(name: string, work: () => Promise<T>, describe: (outcome: T) => string) => Promise<T>

export function trialSteps({ terminal }: Session): Step {
  return async (name, work, describe) => {
    const startedAt = performance.now()
    const line = (outcome: string) => {
      const ms = (performance.now() - startedAt).toFixed(1)
      printLine(`  ${name.padEnd(9)} ${outcome.padEnd(62)} ${ms.padStart(8)} ms`, terminal)
    }
    try {
      const outcome = await work()
      line(describe(outcome))
      return outcome
    } catch (error) {
      line('FAILED')
      throw error
    }
  }
}

/** The error of a vault that does not do what it promises. */
export function trialFailure(message: string): VaultError {
  return new VaultError('INTERNAL', { message })
}

/** Throws, and says where they differ, unless both are the same bytes. */
export async function assertSameBytes(found: Buffer, expected: Buffer): Promise<void> {
  if (found.equals(expected)) return
  if (found.length !== expected.length) throw trialFailure(`${expected.length} bytes went in, ${found.length} came out`)
  const at = expected.findIndex((byte, index) => byte !== found[index])
  throw trialFailure(`byte ${at} came out as ${hex(found[at])}, and went in as ${hex(expected[at])}`)
}

function hex(byte = 0): string {
  return `0x${byte.toString(16).padStart(2, '0')}`
}
