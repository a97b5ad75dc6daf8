// A process to run a program in: what it reads is given, what it prints is kept.
import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import type { Terminal } from '../../src/cli/terminal/terminal.js'
import { standardStream } from '../standard-stream.js'

export interface FakeTerminal extends Terminal {
  /** Sends it a signal. */
  emit(signal: string): boolean
  /** What was printed so far. */
  printed(): { stdout: string; stderr: string }
  /** From now on, each write to that stream fails with this code. */
  fail(stream: 'stdout' | 'stderr', code: string): void
}

export interface FakeInput {
  stdin?: Buffer | Readable
  env?: NodeJS.ProcessEnv
  isTTY?: boolean
}

function sink() {
  const chunks: Buffer[] = []
  let failure: Error | undefined
  const stream = standardStream((chunk, done) => {
    if (failure === undefined) chunks.push(Buffer.from(chunk))
    done(failure)
  })
  const fail = (code: string) => {
    failure = Object.assign(new Error(`${code}: no words, write`), { code })
  }
  return { stream, fail, text: () => Buffer.concat(chunks).toString('utf8') }
}

export function fakeTerminal(
  words: string[],
  { stdin = Buffer.alloc(0), env = {}, isTTY = false }: FakeInput = {},
): FakeTerminal {
  const sinks = { stdout: sink(), stderr: sink() }
  const { stdout, stderr } = sinks
  const input = stdin instanceof Readable ? stdin : Readable.from(stdin.length > 0 ? [stdin] : [])
  return Object.assign(new EventEmitter(), {
    argv: ['node', ...words],
    env,
    stdin: Object.assign(input, { isTTY }),
    stdout: Object.assign(stdout.stream, { isTTY }),
    stderr: Object.assign(stderr.stream, { isTTY }),
    printed: () => ({ stdout: stdout.text(), stderr: stderr.text() }),
    fail: (stream: 'stdout' | 'stderr', code: string) => sinks[stream].fail(code),
  })
}
