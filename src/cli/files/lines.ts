// The lines of a stream of any length: one at a time, none larger than its reader can use.

export interface Line {
  /** From 1. */
  number: number
  /** Its bytes without the line break; undefined when there are more than allowed. */
  text: Buffer | undefined
  /** How many it has. */
  size: number
  /** Where it begins, and where the next one does. */
  start: number
  end: number
  /** Whether a line break ends it: the last line may be torn. */
  ended: boolean
}

const lineBreak = 10

/** Yields every line; one of more than `maxBytes` is passed over without being held. */
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
