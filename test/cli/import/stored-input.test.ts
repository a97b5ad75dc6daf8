import { expect } from 'chai'
import { storedFiles, storedLines } from '../../../src/cli/import/stored-input.js'

describe('stored lines', () => {
  it('knows which lines are stored, and which have changed since', () => {
    const stored = storedLines()
    for (let line = 1; line <= 5000; line += 2) stored.add({ line, lineBytes: line, user: 'a', name: `${line}` })
    const at = (line: number) => ({ line, lineBytes: line, user: 'a', name: `${line}` })
    expect(stored.stateOf(at(4999))).to.equal('stored')
    expect(stored.stateOf(at(4998))).to.equal('new')
    expect(stored.stateOf(at(1_000_001))).to.equal('new')
    expect(stored.stateOf({ ...at(3), lineBytes: 4 })).to.equal('changed')
    expect(stored.stateOf({ ...at(3), user: 'b' })).to.equal('changed')
    expect(stored.stateOf({ ...at(3), name: '' })).to.equal('changed')
  })
})

describe('stored files', () => {
  it('knows which files are stored, and which have changed since', () => {
    const file = { user: 'a', name: 'b/c', fileBytes: 7, modified: '2026-01-01T00:00:00.000Z' }
    const stored = storedFiles()
    stored.add(file)
    expect(stored.stateOf({ ...file })).to.equal('stored')
    expect(stored.stateOf({ ...file, fileBytes: 8 })).to.equal('changed')
    expect(stored.stateOf({ ...file, modified: '2026-01-01T00:00:00.001Z' })).to.equal('changed')
    expect(stored.stateOf({ ...file, name: 'b' })).to.equal('new')
    expect(stored.stateOf({ ...file, user: 'b' })).to.equal('new')
  })
})
