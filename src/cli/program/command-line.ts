// The command line of a program, parsed and run by commander.
import { type Command, CommanderError } from 'commander'
import { writeResult } from '../terminal/results.js'
import type { Terminal } from '../terminal/terminal.js'

type CommandTerminal = Pick<Terminal, 'argv' | 'stdout' | 'stderr'>

/**
 * Runs the command that the arguments name; resolves with the exit code: 0, or 2 for a wrong command line, whose error is
 * printed. Rejects with the command's error, or with OutputFailure if help or version cannot be written.
 */
export async function runCommandLine(program: Command, terminal: CommandTerminal): Promise<number> {
  const printed: string[] = [] // commander would not wait until it is written
  const setOutput = (command: Command) => {
    command.configureOutput({
      writeOut: (text) => void printed.push(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    command.commands.forEach(setOutput)
  }
  setOutput(program)
  try {
    await program.parseAsync(terminal.argv)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode !== 0) return 2
    await writeResult(terminal, printed.join(''))
  }
  return 0
}
