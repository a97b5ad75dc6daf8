// The lines of an NDJSON file. A line that is not a JSON object is an error of that line only; if none of the first ten
// lines is a JSON object, the whole file is refused.
import { invalidField } from '../../core/errors.js'
import { isJsonObject } from './json-line.js'
import { type Line, readLines } from './lines.js'

interface NamedFile {
  flag: string
  /** The file's name in messages. */
  name: string
  /** The remedy that the error names when this is another file. */
  advice: string
  maxLineBytes: number
}

const checkedLines = 10

/** Yields every line that is not empty; throws INVALID_REQUEST if none of the first ten is a JSON object. */
export async function* ndjsonLines(chunks: AsyncIterable<Buffer>, file: NamedFile): AsyncGenerator<Line> {
  let foreign: Line[] | undefined = []
  for await (const line of readLines(chunks, file.maxLineBytes)) {
    if (line.text?.toString('latin1').trim() === '') continue
    if (foreign !== undefined && !isJsonObject(line.text)) {
      foreign.push(line)
      if (foreign.length === checkedLines) throw notNdjson(file)
      continue
    }
    yield* foreign ?? []
    foreign = undefined
    yield line
  }
  yield* foreign ?? []
}

function notNdjson({ flag, name, advice }: NamedFile): Error {
  return invalidField(flag, `none of the first ${checkedLines} lines of ${name} is a JSON object: ${advice}`)
}
