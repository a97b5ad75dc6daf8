import { expect } from 'chai'
import fc from 'fast-check'
import { type Line, readLines } from '../../../src/cli/files/lines.js'

async function* chunksOf(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(text: string, { maxBytes = 100, chunkBytes = 7 } = {}): Promise<Line[]> {
  const lines: Line[] = []
  for await (const line of readLines(chunksOf(Buffer.from(text), chunkBytes), maxBytes)) lines.push(line)
  return lines
}

const texts = (lines: Line[]) => lines.map(({ text }) => text?.toString() ?? null)

describe('lines', () => {
  it('come one by one, with number and position', async () => {
    const lines = await read('one\n\nthree')
    expect(texts(lines)).to.deep.equal(['one', '', 'three'])
    expect(lines.map(({ number }) => number)).to.deep.equal([1, 2, 3])
    expect(lines.map(({ start, end, ended }) => [start, end, ended])).to.deep.equal([
      [0, 4, true],
      [4, 5, true],
      [5, 10, false],
    ])
  })

  it('end with the last line break', async () => {
    expect(texts(await read('one\n'))).to.deep.equal(['one'])
    expect(texts(await read(''))).to.deep.equal([])
  })

  it('that are too long have no text, and the next ones do', async () => {
    const lines = await read(`short\n${'x'.repeat(1000)}\nlast`, { maxBytes: 10 })
    expect(texts(lines)).to.deep.equal(['short', null, 'last'])
    expect(lines[1]).to.include({ number: 2, size: 1000, start: 6, end: 1007 })
  })

  it('are the same however the bytes arrive', async () => {
    const line = fc.string({ unit: fc.constantFrom('a', '"', '\r', 'ü', '\n') })
    await fc.assert(
      fc.asyncProperty(line, fc.integer({ min: 1, max: 9 }), async (text, chunkBytes) => {
        const lines = await read(text, { chunkBytes, maxBytes: 5 })
        const expected = text.split('\n').map((part) => (Buffer.byteLength(part) > 5 ? null : part))
        if (expected.at(-1) === '') expected.pop()
        expect(texts(lines)).to.deep.equal(expected)
      }),
    )
  })
})
