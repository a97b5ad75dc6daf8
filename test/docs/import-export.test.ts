import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { parseImportLine } from '../../src/cli/import-line.js'
import { parseKeyEntry } from '../../src/cli/key-entry.js'

const page = readFileSync(new URL('../../docs/import-export.md', import.meta.url), 'utf8')
const [records = [], keys = []] = [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(([, lines = '']) =>
  lines.trimEnd().split('\n'),
)

function fieldsOf(section: string): string[] {
  const [, text = ''] = page.split(`\n## ${section}\n`)
  const [own = ''] = text.split('\n## ')
  const rows = [...own.matchAll(/^\| (`.*?) \|/gm)].map(([, cell = '']) => cell)
  return rows.flatMap((cell) => cell.replaceAll('`', '').split(', '))
}

function knownFields(): string[] {
  try {
    parseImportLine(Buffer.from('{"other":1}'))
  } catch (error) {
    const [, names = ''] = /none of (.*)$/.exec((error as Error).message) ?? []
    return names.split(', ')
  }
  return []
}

describe('docs/import-export.md', () => {
  it('shows lines that an import takes', () => {
    const names = records.map((line) => parseImportLine(Buffer.from(line)).recordName)
    expect(names).to.deep.equal(['note', 'photo', 'code'])
  })

  it('describes every field of a record, and no other', () => {
    expect(fieldsOf('A record')).to.have.members(knownFields())
  })

  it('shows a line of a keys file as an export takes it', () => {
    const [entry] = keys.map((line) => parseKeyEntry(Buffer.from(line)))
    expect(entry?.from).to.deep.equal({ user: 'alice', name: 'photo', line: 2, lineBytes: records[1]?.length })
  })

  it('describes every field of that line', () => {
    expect(fieldsOf('The keys file')).to.include.members(Object.keys(JSON.parse(keys[0] ?? '{}')))
  })
})
