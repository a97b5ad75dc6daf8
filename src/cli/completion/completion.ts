// <program> completion: prints a script for a shell that completes commands, flags and their values.
import { Argument, type Command } from 'commander'
import { withExamples } from '../program/help.js'
import { writeResult } from '../terminal/results.js'
import type { Output } from '../terminal/terminal.js'
import { bashCompletion } from './bash.js'
import { fishCompletion } from './fish.js'
import { type CompletedCommand, completedCommands } from './model.js'
import { zshCompletion } from './zsh.js'

const shells: Record<string, (program: string, commands: CompletedCommand[]) => string> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

/** Adds the subcommand `completion`; the program must have all its other commands already. */
export function addCompletion(program: Command, terminal: Output): void {
  const name = program.name()
  const command = program
    .command('completion')
    .description('Print a completion script for a shell: it completes commands, flags and files.')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(shells)))
  withExamples(command, [
    `source <(${name} completion bash)`,
    `${name} completion bash > ~/.local/share/bash-completion/completions/${name}`,
    `${name} completion zsh > ~/.zfunc/_${name}     # with fpath+=(~/.zfunc) before compinit`,
    `${name} completion fish > ~/.config/fish/completions/${name}.fish`,
  ]).action(async (shell: string) => {
    await writeResult(terminal, shells[shell]?.(name, completedCommands(program)) ?? '')
  })
}
