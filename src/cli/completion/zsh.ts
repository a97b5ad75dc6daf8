// The completion script for zsh: a function for each command, which calls _arguments.
import { type CompletedCommand, type CompletedOption, shellWord, type Values } from './model.js'

function action(values: Values): string {
  if (values === 'file') return '_files'
  return values === 'any' ? ' ' : `(${values.join(' ')})`
}

// Brackets and colons have a meaning in a specification of _arguments.
function plain(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&')
}

function optionSpecs({ flags, description, values }: CompletedOption): string[] {
  const value = values === undefined ? '' : `:value:${action(values)}`
  return flags.map((flag) => shellWord(`${flag}[${plain(description)}]${value}`))
}

function functionName(program: string, path: string[]): string {
  return ['', program, ...path].join('_').replace(/\W/g, '_')
}

function commandFunction(program: string, { path, commands, options, values }: CompletedCommand): string {
  const specs = options.flatMap(optionSpecs)
  const name = functionName(program, path)
  const lines = (all: string[]) => all.map((spec) => `    ${spec} \\\n`).join('')
  if (commands.length === 0) {
    const own = values.length === 0 ? [] : [shellWord(`1:argument:${action(values)}`)]
    return `${name}() {\n  _arguments \\\n${lines([...specs, ...own])}    && return\n}`
  }
  const described = commands.map((sub) => `      ${shellWord(`${sub.name}:${sub.description}`)}`).join('\n')
  const cases = commands.map((sub) => `      ${sub.name}) ${functionName(program, [...path, sub.name])} ;;`).join('\n')
  return `${name}() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C \\
${lines([...specs, "'1:command:->command'", "'*::argument:->argument'"])}    && return
  case $state in
  command)
    local -a commands=(
${described}
    )
    _describe command commands ;;
  argument)
    case $words[1] in
${cases}
    esac ;;
  esac
}`
}

/** The script for zsh. */
export function zshCompletion(program: string, commands: CompletedCommand[]): string {
  return `#compdef ${program}
# Completion of ${program} for zsh. In this shell:   source <(${program} completion zsh)
# For every shell:   ${program} completion zsh > a folder of $fpath, as _${program}
${commands.map((command) => commandFunction(program, command)).join('\n\n')}

if [[ $funcstack[1] == ${functionName(program, [])} ]]; then
  ${functionName(program, [])} "$@"
else
  compdef ${functionName(program, [])} ${program}
fi
`
}
