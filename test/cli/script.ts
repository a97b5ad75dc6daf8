// The scripts beside this file read like a session at a terminal:
//   # a comment
//   $ program flags...     what is run; `$ tty program ...` runs it with a terminal at its standard streams
//   < text                 a line of its standard input; `<@ file` gives it a file
//   > text                 a line it prints to standard output, 2> to standard error
//   exit 1                 its exit code, 0 unless said
// In what is printed, {hex} {token} {time} {ms} {word} {any} stand for what differs each time, and a line "..." for any lines.

export interface Step {
  line: number
  words: string[]
  isTTY: boolean
  stdin: string
  stdinFile: string | undefined
  stdout: string[]
  stderr: string[]
  exit: number
}

const placeholders: Record<string, string> = {
  hex: '[0-9a-f]+',
  token: 'rvk1_[a-z2-7]{88}',
  time: '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z',
  ms: ' *\\d+\\.\\d ms',
  word: '[^ ]+',
  any: '.*',
}

function wordsOf(command: string): string[] {
  return (command.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, '$1'))
}

function newStep(command: string, line: number): Step {
  const words = wordsOf(command)
  const isTTY = words[0] === 'tty'
  const rest = isTTY ? words.slice(1) : words
  return { line, words: rest, isTTY, stdin: '', stdinFile: undefined, stdout: [], stderr: [], exit: 0 }
}

function addLine(step: Step, text: string): void {
  const [, mark = '', rest = ''] = /^(<@|<|>|2>|exit)(?: (.*))?$/.exec(text) ?? []
  if (mark === '<@') step.stdinFile = rest
  else if (mark === '<') step.stdin += `${rest}\n`
  else if (mark === '>') step.stdout.push(rest)
  else if (mark === '2>') step.stderr.push(rest)
  else if (mark === 'exit') step.exit = Number(rest)
  else throw new Error(`a script has no such line: ${text}`)
}

export function parseScript(text: string): Step[] {
  const steps: Step[] = []
  text.split('\n').forEach((line, index) => {
    const step = steps.at(-1)
    if (line === '' || line.startsWith('#')) return
    if (line.startsWith('$ ')) steps.push(newStep(line.slice(2), index + 1))
    else if (step) addLine(step, line)
    else throw new Error(`a script begins with a command, not with: ${line}`)
  })
  return steps
}

function linePattern(line: string): string {
  if (line === '...') return '(?:.*\\n)*?'
  const escaped = line.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/[{}]/g, '\\$&')
  return `${escaped.replace(/\\\{(\w+)\\\}/g, (whole, name) => placeholders[name] ?? whole)}\\n`
}

/** Whether a program printed what the script says. */
export function isPrinted(printed: string, expected: string[]): boolean {
  const complete = printed === '' || printed.endsWith('\n') ? printed : `${printed}\n`
  return new RegExp(`^${expected.map(linePattern).join('')}$`).test(complete)
}
