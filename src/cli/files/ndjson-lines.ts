// The lines of a file that should be NDJSON. One that is no JSON object is a mistake in it; when the first are all none, it
// is another file.
import { invalidField } from '../../core/errors.js'
import { isJsonObject } from './json-line.js'
import { type Line, readLines } from './lines.js'

interface NamedFile {
  flag: string
  /** For messages. */
  name: string
  /** What to do when it is another file. */
  advice: string
  maxLineBytes: number
}

const refusedAt = 10

/** Every line that is not empty; throws INVALID_REQUEST when none of the first is a JSON object. */
export async function* ndjsonLines(chunks: AsyncIterable<Buffer>, file: NamedFile): AsyncGenerator<Line> {
  let foreign: Line[] | undefined = []
  for await (const line of readLines(chunks, file.maxLineBytes)) {
    if (line.text?.toString('latin1').trim() === '') continue
    if (foreign !== undefined && !isJsonObject(line.text)) {
      foreign.push(line)
      if (foreign.length === refusedAt) throw notNdjson(file)
      continue
    }
    yield* foreign ?? []
    foreign = undefined
    yield line
  }
  yield* foreign ?? []
}

function notNdjson({ flag, name, advice }: NamedFile): Error {
  return invalidField(flag, `none of the first ${refusedAt} lines of ${name} is a JSON object: ${advice}`)
}
