// The model that the completion scripts are made of, read from the program's commands so that it is never out of date.
import type { Argument, Command, Option } from 'commander'

/** The values of a flag or argument: unknown, a file, or one of these words. */
export type Values = 'any' | 'file' | string[]

/** A flag to complete. */
export interface CompletedOption {
  /** As they are typed: `-h`, `--help`. */
  flags: string[]
  description: string
  /** Undefined for a flag without a value. */
  values: Values | undefined
}

/** A command to complete. */
export interface CompletedCommand {
  /** The words of the command, without the program's name. */
  path: string[]
  commands: { name: string; description: string }[]
  options: CompletedOption[]
  /** The values of its first argument. */
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

/** All commands of the program; the program itself is the first. */
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
