// beclient: the client of the back end, for its operator. Without a subcommand it runs the trial.
import { backendHints } from '../program/hints.js'
import { rootCommand, runProgram, type Session, withExamples } from '../program/program.js'
import type { Terminal } from '../terminal/terminal.js'
import { addDelete } from './delete.js'
import { addGet } from './get.js'
import { addInfo } from './info.js'
import { addList } from './list.js'
import { addTrial } from './trial.js'
import { addVersions } from './versions.js'

const examples = [
  'beclient                           the trial: does the store return what it was given?',
  'beclient info                      show the format of the store and its keyring',
  'beclient get --record-id HEX       show one record, as ciphertext',
]

function build(session: Session) {
  const program = withExamples(rootCommand('beclient'), examples).description(
    'Shows and deletes what a back end stores: ciphertext under pseudonyms.',
  )
  addInfo(program, session)
  addGet(program, session)
  addList(program, session)
  addVersions(program, session)
  addDelete(program, session)
  addTrial(program, session)
  return program
}

/** Runs beclient and returns its exit code. */
export function beclient(terminal: Terminal): Promise<number> {
  return runProgram({ build, hints: backendHints }, terminal)
}
