// Help texts that all programs share: examples, exit codes, marks of required flags.
import { type Command, Help, type Option } from 'commander'

const exitCodes =
  'Exit codes: 0 success, 1 failure, 2 invalid input (a retry cannot succeed). A result that cannot be written is a failure.'

/** The line below the error of a flag; commander would print the whole help. */
export const helpAfterError = 'hint: --help shows the usage'

/** The help text of --version. */
export const versionText = 'print the version'

/** Marks required flags in the help. */
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
