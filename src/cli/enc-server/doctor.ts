// enc-server doctor: which configuration, keyring and store there are, whether they belong together, what can be reached.
// It changes nothing.
import type { Command } from 'commander'
import type { ConfigSources } from '../../core/config/config.js'
import { type Session, withExamples } from '../program/program.js'
import { addServerFlags, configSources, type ServerFlags } from '../program/server-flags.js'
import { PartialFailure, printLine, toJson } from '../terminal/output.js'

export interface Finding {
  /** What was looked at. */
  what: string
  state: 'ok' | 'warning' | 'error'
  found: string
}

/** Looks at one thing after the other; what it cannot look at is a finding too. */
export type Diagnose = (sources: ConfigSources) => AsyncIterable<Finding>

const examples = ['enc-server doctor', 'enc-server doctor --config /etc/enc-server/config.json --json']

export function addDoctor(program: Command, diagnose: Diagnose, session: Session): void {
  const command = program
    .command('doctor')
    .description('Look at configuration, keyring, store and services, and say what does not fit.')
    .option('--json', 'print one JSON object a line')
  addServerFlags(command).addHelpText(
    'after',
    '\nIt changes nothing. It fails if there is an error; warnings alone are no failure.',
  )
  withExamples(command, examples).action((flags: ServerFlags & { json?: true }) => examine(flags, diagnose, session))
}

async function examine(flags: ServerFlags & { json?: true }, diagnose: Diagnose, { terminal }: Session): Promise<void> {
  const states: Finding['state'][] = []
  for await (const finding of diagnose(configSources(flags, terminal.env))) {
    states.push(finding.state)
    const { what, state, found } = finding
    printLine(flags.json ? toJson(finding) : `${state.padEnd(8)} ${what.padEnd(14)} ${found}`, terminal)
  }
  if (states.includes('error')) throw new PartialFailure('something does not fit, see above')
}
