// The log on standard output. winston's own console transport lets lines wait without limit for a reader that has stopped, and
// ends the process when the reader has gone. This one loses lines and counts them.
import { Writable } from 'node:stream'
import { lineOf, lostLine, type RenderedEvent, rank } from './log-line.js'

/** Bytes that may wait for the reader. */
const maxWaitingBytes = 8 * 1024 * 1024
/** How long the end of the log waits for the reader, in milliseconds. */
const maxFlushMs = 1_000

/** A winston transport that writes lines to a stream, which stays open. It never fails. */
export class LogStream extends Writable {
  readonly #output: Writable
  readonly #level: string
  #lost = 0
  #readerGone = false

  constructor(output: Writable, level: string) {
    super({ objectMode: true })
    this.#output = output
    this.#level = level
    output.on('error', ignore)
  }

  /** winston requires this method, but sends its events through the pipe. */
  log(): void {}

  override _write(event: RenderedEvent, _encoding: string, next: () => void): void {
    if (rank(event.level) <= rank(this.#level)) this.#send(lineOf(event))
    next()
  }

  #send(line: string): void {
    if (this.#readerGone || this.#output.writableLength >= maxWaitingBytes) {
      this.#lost += 1
      return
    }
    const lost = this.#lost
    this.#lost = 0
    this.#output.write(lost === 0 ? line : lostLine(lost) + line, (error) => {
      if (error) this.#lost += lost + 1
      this.#readerGone ||= (error as NodeJS.ErrnoException | null)?.code === 'EPIPE'
    })
  }

  override _final(callback: () => void): void {
    const end = () => {
      clearTimeout(timer)
      setImmediate(() => this.#output.off('error', ignore)) // the event of a failed write follows its callback
      callback()
    }
    const timer = setTimeout(end, maxFlushMs)
    if (this.#output.writableLength === 0) end()
    else this.#output.write('', end)
  }
}

function ignore(): void {}
