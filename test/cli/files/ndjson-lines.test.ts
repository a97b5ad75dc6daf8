// NDJSON with invalid lines, and files that are no NDJSON.
import { expect } from 'chai'
import { ndjsonLines } from '../../../src/cli/files/ndjson-lines.js'

async function numbers(lines: (string | Buffer)[]): Promise<number[]> {
  const found = []
  const chunks = lines.map((line) => Buffer.concat([Buffer.from(line), Buffer.from('\n')]))
  const file = { flag: '--in', name: 'file', advice: 'take another', maxLineBytes: 100 }
  for await (const { number } of ndjsonLines(asStream(chunks), file)) found.push(number)
  return found
}

async function* asStream(chunks: Buffer[]) {
  yield* chunks
}

const bad = ['x', '[]', '7', '"text"', 'null', '{', '{"a":1},', Buffer.from([0xff]), `{"long":"${'x'.repeat(100)}"}`]

describe('NDJSON lines', () => {
  it('are all lines that are not empty, with their numbers', async () => {
    expect(await numbers(['', '{"a":1}', '  ', '{}'])).to.deep.equal([2, 4])
    expect(await numbers([])).to.deep.equal([])
  })

  it('may be invalid, if one of the first ten is valid', async () => {
    expect(await numbers(bad)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await numbers([...bad, '{}', ...bad, ...bad])).to.have.length(28)
    expect(await numbers(['{}', ...bad, ...bad])).to.have.length(19)
  })

  it('are refused when the first ten are invalid', async () => {
    const refused = numbers([...bad, '', 'x', '{}']).then(
      () => expect.fail('they were taken'),
      (error: Error) => error.message,
    )
    expect(await refused).to.equal('--in: none of the first 10 lines of file is a JSON object: take another')
  })
})
