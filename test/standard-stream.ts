// A stream as Node gives it to a process as standard output: an error does not close it.
import { Writable } from 'node:stream'

export type Done = (error?: Error | null) => void

/** The stream; `write` takes each chunk and says when and how it was written. */
export function standardStream(write: (chunk: Buffer | string, done: Done) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write: (chunk: Buffer | string, _encoding, done: Done) => write(chunk, done),
    destroy(this: Writable & { _undestroy?(): void }, error, done) {
      done(error)
      this._undestroy?.() // Node does the same to its standard streams
    },
  })
}
