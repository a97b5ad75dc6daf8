import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { parseImportLine } from '../../src/cli/import/import-line.js'
import { parseKeyEntry } from '../../src/cli/keys/key-entry.js'

const page = readFileSync(new URL('../../docs/import-and-export.md', import.meta.url), 'utf8')

/** The lines of the first block of JSON under that heading. */
function linesUnder(heading: string): Buffer[] {
  const [, section = ''] = page.split(`## ${heading}\n`)
  const [, block = ''] = section.split('```json\n')
  return block.split('```', 1).join('').trim().split('\n').map(Buffer.from)
}

describe('docs/import-and-export.md', () => {
  it('shows records as import reads them', () => {
    const records = linesUnder('The records').map((line) => parseImportLine(line))
    expect(records.map(({ recordName }) => recordName)).to.eql(['note', 'photo', 'code'])
  })

  it('names every field that import knows, and no other', () => {
    const fields = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, field]) => field)
    expect(() => parseImportLine(Buffer.from('{"other":1}'))).to.throw(
      `has a field that is none of ${fields.join(', ')}`,
    )
  })

  it('shows a line of a keys file', () => {
    const [entry] = linesUnder('The keys').map(parseKeyEntry)
    expect(entry).to.include({ user: 'alice', name: 'photo' })
    expect(entry?.from).to.include({ line: 2, lineBytes: 81 })
  })
})
