// The findings of the commands that check a vault, as lines for people or as JSON.
import { PartialFailure, printLine, toJson } from '../terminal/output.js'
import type { Terminal } from '../terminal/terminal.js'

/** The result of one check. */
export interface Finding {
  /** The thing checked. */
  what: string
  state: 'ok' | 'warning' | 'error'
  found: string
}

/** Where and how to print findings. */
export interface FindingsOutput {
  json: boolean
  terminal: Terminal
  /** The message of the failure if a finding is an error. */
  failure: string
}

/** Prints each finding as soon as it is there; rejects with PartialFailure at the end if one was an error. */
export async function printFindings(
  findings: AsyncIterable<Finding>,
  { json, terminal, failure }: FindingsOutput,
): Promise<void> {
  let hasError = false
  for await (const finding of findings) {
    const { what, state, found } = finding
    hasError ||= state === 'error'
    await printLine(json ? toJson(finding) : `${state.padEnd(8)} ${what.padEnd(14)} ${found}`, terminal)
  }
  if (hasError) throw new PartialFailure(failure)
}
