// A rotated log file: <name>.log is the newest, <name>.1.log and so on are older. winston's own file transport loses lines and
// throws outside of any call when it is closed or the disk fails; this one does neither. A failing disk costs log lines, never
// the service, and a stalled one costs at most `maxWaitingBytes` of memory. The log counts the lines that were lost.
import { closeSync, fstatSync, openSync, renameSync, writeFile } from 'node:fs'
import { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { lineOf, lostLine, type RenderedEvent, rank } from './log-line.js'

/** Limits of the log files. */
interface LogBounds {
  maxFileBytes: number
  maxFiles: number
  /** How long a line without urgency waits for others, in milliseconds; 20 by default. */
  gatherMs?: number
}

const writeAll = promisify(writeFile)
const maxWaitingBytes = 8 * 1024 * 1024
/**
 * Lines are gathered for this time or up to this size, because a write of hundreds of lines costs as little as a write
 * of one.
 */
const defaultGatherMs = 20
const gatherBytes = 64 * 1024

/** A winston transport that appends lines to `path`.log. The constructor throws if the file cannot be opened. */
export class LogFile extends Writable {
  readonly #path: string
  readonly #bounds: LogBounds
  #fd: number
  #size: number
  #waiting: string[] = []
  #waitingBytes = 0
  #writing: Promise<void> | undefined
  #lost = 0
  #failing = false
  #soon = false
  #reopenDue = false
  #wake = (): void => undefined

  /** Writes events of this level and more severe ones. */
  level: string

  constructor(path: string, level: string, bounds: LogBounds) {
    super({ objectMode: true })
    this.level = level
    this.#path = path
    this.#bounds = bounds
    this.#fd = openSync(`${path}.log`, 'a', 0o600)
    this.#size = fstatSync(this.#fd).size
  }

  /** Opens the file of this name anew, as something else has renamed it. Lines that wait go to the new file. */
  reopen(): void {
    this.#reopenDue = true
    if (this.#writing === undefined) this.#reopenIfDue()
  }

  /** winston requires this method, but sends its events through the pipe. */
  log(): void {}

  override _write(event: RenderedEvent, _encoding: string, next: () => void): void {
    if (rank(event.level) <= rank(this.level)) this.#keep(lineOf(event))
    if (rank(event.level) < rank('info')) this.#writeSoon()
    next()
  }

  #keep(line: string): void {
    if (this.#waitingBytes >= maxWaitingBytes) this.#lost += 1
    else this.#waiting.push(line)
    this.#waitingBytes += line.length
    this.#writing ??= this.#writeWaiting()
    if (this.#waitingBytes >= gatherBytes) this.#writeSoon()
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#writeSoon()
    void Promise.resolve(this.#writing).then(() => {
      closeSync(this.#fd)
      callback()
    })
  }

  /** Ends the gathering of lines. */
  #writeSoon(): void {
    this.#soon = true
    this.#wake()
  }

  /** Resolves when it is time to write. A soon write still takes the other lines of this turn. */
  async #gather(): Promise<void> {
    if (!this.#soon) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#bounds.gatherMs ?? defaultGatherMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    await nextTurn()
    this.#soon = false
  }

  // Never rejects. One write takes all lines that arrived while they gathered or during the write before.
  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#gather()
      const [lines, lost] = [this.#waiting, this.#lost]
      this.#waiting = []
      this.#waitingBytes = 0
      this.#lost = 0
      try {
        await this.#append(Buffer.from((lost === 0 ? lines : [...lines, lostLine(lost)]).join('')))
        this.#failing = false
      } catch (error) {
        this.#lost += lost + lines.length
        this.#report(error as NodeJS.ErrnoException)
      }
    }
    this.#writing = undefined
  }

  async #append(text: Buffer): Promise<void> {
    this.#reopenIfDue()
    if (this.#size > 0 && this.#size + text.length > this.#bounds.maxFileBytes) this.#rotate()
    await writeAll(this.#fd, text)
    this.#size += text.length
  }

  /** Keeps the open file if its name cannot be opened: a later signal tries again. */
  #reopenIfDue(): void {
    if (!this.#reopenDue) return
    this.#reopenDue = false
    try {
      this.#use(openSync(`${this.#path}.log`, 'a', 0o600))
    } catch (error) {
      this.#report(error as NodeJS.ErrnoException)
    }
  }

  /** Writes to this file from now on. */
  #use(fd: number): void {
    closeSync(this.#fd)
    this.#fd = fd
    this.#size = fstatSync(fd).size
  }

  #rotate(): void {
    const name = (number: number) => (number === 0 ? `${this.#path}.log` : `${this.#path}.${number}.log`)
    for (let number = this.#bounds.maxFiles - 2; number >= 0; number -= 1) rename(name(number), name(number + 1))
    this.#use(openSync(name(0), 'a', 0o600))
  }

  #report({ code, message }: NodeJS.ErrnoException): void {
    if (!this.#failing) process.stderr.write(`cannot write ${this.#path}.log (${code ?? message}); events are lost\n`)
    this.#failing = true
  }
}

function rename(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
