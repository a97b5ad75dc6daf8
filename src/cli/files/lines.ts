// The lines of a stream of any length, one at a time, each of at most a given size.

/** A line and its position. */
export interface Line {
  /** Counts from 1. */
  number: number
  /** Its bytes without the line break; undefined if the line is too long. */
  text: Buffer | undefined
  /** The number of its bytes without the line break. */
  size: number
  /** The offset of its first byte. */
  start: number
  /** The offset of the next line. */
  end: number
  /** Whether it has a line break: the last line may be torn. */
  ended: boolean
}

const lineBreak = 10

/** Yields every line. A line of more than `maxBytes` is yielded without its text, and never held in memory. */
export async function* readLines(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = []
  let line = { number: 1, size: 0, start: 0 }

  function take(part: Buffer): void {
    line.size += part.length
    if (line.size <= maxBytes) parts.push(part)
    else parts = []
  }

  function finish(ended: boolean): Line {
    const { number, size, start } = line
    const end = start + size + (ended ? 1 : 0)
    const text = size <= maxBytes ? Buffer.concat(parts) : undefined
    parts = []
    line = { number: number + 1, size: 0, start: end }
    return { number, text, size, start, end, ended }
  }

  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(lineBreak); at !== -1; at = chunk.indexOf(lineBreak, from)) {
      take(chunk.subarray(from, at))
      yield finish(true)
      from = at + 1
    }
    if (from < chunk.length) take(chunk.subarray(from))
  }
  if (line.size > 0) yield finish(false)
}
