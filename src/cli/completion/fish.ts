// The completion script for fish: one line for each word that may follow a command.
import { type CompletedCommand, type CompletedOption, shellWord, type Values } from './model.js'

// Inside single quotes, fish escapes a quote as \', unlike other shells.
function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}

/** The condition: the words of the command have been typed, and no subcommand of it. */
function condition({ path, commands }: CompletedCommand): string {
  const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`)
  const below = commands.map(({ name }) => name)
  const notBelow = below.length === 0 ? [] : [`not __fish_seen_subcommand_from ${below.join(' ')}`]
  return [...seen, ...notBelow].join('; and ') || 'true'
}

function valueFlags(values: Values | undefined): string {
  if (values === undefined) return ''
  if (values === 'file') return ' -r -F'
  return values === 'any' ? ' -x' : ` -x -a ${quoted(values.join(' '))}`
}

function optionFlags({ flags }: CompletedOption): string {
  return flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ')
}

function commandLines(program: string, command: CompletedCommand): string[] {
  const begin = `complete -c ${program} -n ${quoted(condition(command))}`
  const { commands, options, values } = command
  const own =
    values.length === 0
      ? []
      : [`${begin}${values === 'file' ? ' -F' : ` -a ${quoted(String(values).replaceAll(',', ' '))}`}`]
  return [
    ...commands.map(({ name, description }) => `${begin} -a ${shellWord(name)} -d ${quoted(description)}`),
    ...options.map(
      (option) => `${begin} ${optionFlags(option)}${valueFlags(option.values)} -d ${quoted(option.description)}`,
    ),
    ...(values === 'any' ? [] : own),
  ]
}

/** The script for fish. */
export function fishCompletion(program: string, commands: CompletedCommand[]): string {
  return `# Completion of ${program} for fish. In this shell:   ${program} completion fish | source
# For every shell:   ${program} completion fish > ~/.config/fish/completions/${program}.fish
complete -c ${program} -f
${commands.flatMap((command) => commandLines(program, command)).join('\n')}
`
}
