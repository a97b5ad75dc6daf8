// A process to run a program in: what it reads is given, what it prints is kept.
import { EventEmitter } from 'node:events'
import { Readable, Writable } from 'node:stream'
import type { Terminal } from '../../src/cli/terminal/terminal.js'

export interface FakeTerminal extends Terminal {
  /** Sends it a signal. */
  emit(signal: string): boolean
  /** What was printed so far. */
  printed(): { stdout: string; stderr: string }
}

export interface FakeInput {
  stdin?: Buffer | Readable
  env?: NodeJS.ProcessEnv
  isTTY?: boolean
}

function sink() {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk, _, done) {
      chunks.push(chunk)
      done()
    },
  })
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') }
}

export function fakeTerminal(
  words: string[],
  { stdin = Buffer.alloc(0), env = {}, isTTY = false }: FakeInput = {},
): FakeTerminal {
  const [stdout, stderr] = [sink(), sink()]
  const input = stdin instanceof Readable ? stdin : Readable.from(stdin.length > 0 ? [stdin] : [])
  return Object.assign(new EventEmitter(), {
    argv: ['node', ...words],
    env,
    stdin: Object.assign(input, { isTTY }),
    stdout: Object.assign(stdout.stream, { isTTY }),
    stderr: Object.assign(stderr.stream, { isTTY }),
    printed: () => ({ stdout: stdout.text(), stderr: stderr.text() }),
  })
}
