// What ends the help of every command.
import { type Command, Help, type Option } from 'commander'

const exitCodes = 'Exit codes: 0 done, 1 failed, 2 the input can never work.'

/** What stands below the error of a flag, in place of all help there is. */
export const helpAfterError = 'hint: --help shows what there is'

export const versionText = 'print the version'

/** What must be said is told from what may be. */
export const helpStyle = {
  optionDescription(option: Option): string {
    const described = new Help().optionDescription(option)
    return option.mandatory ? `${described} (required)` : described
  },
}

/** Ends a command's help with examples and the exit codes. */
export function withExamples(command: Command, examples: string[]): Command {
  const lines = examples.map((example) => `  ${example}`)
  return command.allowExcessArguments(false).addHelpText('after', ['', 'Examples:', ...lines, '', exitCodes].join('\n'))
}
