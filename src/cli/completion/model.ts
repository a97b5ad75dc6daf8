// What a shell can complete of a program: read from its commands, so that it cannot be out of date.
import type { Argument, Command, Option } from 'commander'

/** What may follow: nothing known, a file, or one of these words. */
export type Values = 'any' | 'file' | string[]

export interface CompletedOption {
  /** As it is typed: `--in`. */
  flags: string[]
  description: string
  /** Undefined when it takes no value. */
  values: Values | undefined
}

export interface CompletedCommand {
  /** The words that lead here, without the program's name. */
  path: string[]
  commands: { name: string; description: string }[]
  options: CompletedOption[]
  /** What its own arguments may be. */
  values: Values
}

const filePlaceholder = /<(file|folder|path|dir)\b/

function valuesOf({ argChoices }: Pick<Option, 'argChoices'>, placeholder: string): Values {
  if (argChoices) return [...argChoices]
  return filePlaceholder.test(placeholder) ? 'file' : 'any'
}

function completedOption(option: Option): CompletedOption {
  const { short, long, description, flags } = option
  const takesValue = option.required || option.optional
  return {
    flags: [short, long].filter((flag) => flag !== undefined && flag !== null),
    description: firstSentence(description),
    values: takesValue ? valuesOf(option, flags) : undefined,
  }
}

function firstSentence(text: string): string {
  return text.split(/\s\(|[.;:](?:\s|$)/, 1)[0] ?? ''
}

function argumentValues([argument]: readonly Argument[]): Values {
  if (argument === undefined) return []
  return valuesOf(argument as never, `<${argument.name()}>`)
}

/** Every command of the program, the program itself first. */
export function completedCommands(command: Command, path: string[] = []): CompletedCommand[] {
  const help = { flags: ['-h', '--help'], description: 'display help for command', values: undefined }
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .filter((sub) => sub.name() !== 'help')
  return [
    {
      path,
      commands: visible.map((sub) => ({ name: sub.name(), description: firstSentence(sub.description()) })),
      options: [...command.options.filter(({ hidden }) => !hidden).map(completedOption), help],
      values: argumentValues(command.registeredArguments),
    },
    ...visible.flatMap((sub) => completedCommands(sub, [...path, sub.name()])),
  ]
}

/** The text as one word of a shell: in single quotes if a character of it means anything to the shell. */
export function shellWord(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
