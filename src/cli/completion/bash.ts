// The completion script for bash, including the old version of macOS. It finds the command in the words typed so far, and
// completes that command's subcommands, flags and values.
import { type CompletedCommand, shellWord, type Values } from './model.js'

interface Names {
  program: string
  name: string
}

function reply(values: Values, { name }: Names): string {
  if (values === 'any') return ':' // completes nothing: the value is unlikely to be a file
  if (values === 'file') return `${name}_files`
  return `${name}_words ${shellWord(values.join(' '))}`
}

/** The cases of a command's flags that take a value; flags with the same values share one case. */
function valueCases({ path, options }: CompletedCommand, names: Names): string[] {
  const flagsByReply = new Map<string, string[]>()
  for (const { flags, values } of options) {
    if (values === undefined) continue
    const action = reply(values, names)
    const words = flags.map((flag) => shellWord(`${path.join(' ')}|${flag}`))
    flagsByReply.set(action, [...(flagsByReply.get(action) ?? []), ...words])
  }
  return [...flagsByReply].map(([action, flags]) => `  ${flags.join(' | ')}) ${action}; return ;;`)
}

function wordCase({ path, options, commands, values }: CompletedCommand, names: Names): string {
  const flags = options.flatMap(({ flags }) => flags.filter((flag) => flag.startsWith('--')))
  const own = typeof values === 'string' ? values : [...commands.map(({ name }) => name), ...values]
  const [afterDash, other] = [reply(flags, names), reply(own, names)]
  return `  ${shellWord(path.join(' '))}) if [[ $cur == -* ]]; then ${afterDash}; else ${other}; fi ;;`
}

function alternatives(words: string[]): string {
  return words.length === 0 ? "''" : [...new Set(words)].map(shellWord).join(' | ')
}

function header({ program, name }: Names): string {
  return `# Completion of ${program} for bash. In this shell:   source <(${program} completion bash)
# For every shell:   ${program} completion bash > ~/.local/share/bash-completion/completions/${program}
${name}_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }
${name}_files() { local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames 2> /dev/null || true; }`
}

/** The script for bash. */
export function bashCompletion(program: string, commands: CompletedCommand[]): string {
  const names = { program, name: `_${program.replace(/\W/g, '_')}` }
  const valued = commands.flatMap(({ options }) => options.filter(({ values }) => values !== undefined))
  return `${header(names)}
${names.name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' flag='' at=0 word
  COMPREPLY=()
  while ((++at < COMP_CWORD)); do
    word=\${COMP_WORDS[at]} flag=''
    case $word in
    ${alternatives(valued.flatMap(({ flags }) => flags))})
      flag=$word
      [[ \${COMP_WORDS[++at]} == '=' ]] && ((++at)) # bash splits --flag=value
      continue ;;
    esac
    case "\${path:+$path }$word" in
    ${alternatives(commands.filter(({ path }) => path.length > 0).map(({ path }) => path.join(' ')))})
      path="\${path:+$path }$word" ;;
    esac
  done
  ((at > COMP_CWORD)) || flag='' # its value has been typed already
  ((at > COMP_CWORD + 1)) && cur='' # the cursor is at the equals sign
  case "$path|$flag" in
${commands.flatMap((command) => valueCases(command, names)).join('\n')}
  esac
  case $path in
${commands.map((command) => wordCase(command, names)).join('\n')}
  esac
}
complete -F ${names.name} ${program}
`
}
