import { expect } from 'chai'
import { keyEntryLine, parseKeyEntry } from '../../../src/cli/keys/key-entry.js'

describe('key entry', () => {
  const who = { user: 'a', name: '' }
  const opens = { aad: Buffer.from('x'), keyId: Buffer.alloc(16, 7), recordKey: 'rvk1_x' }
  const input = { bytes: 9, modified: '2026-01-01T00:00:00.000Z' }
  const line = { ...who, line: 7, lineBytes: 80 }
  const file = { ...who, name: 'a/b', fileBytes: 0, modified: '2026-01-01T00:00:00.000Z' }
  const written = keyEntryLine({ ...line, ...opens, input, version: 2n })

  it('reads the entries that it writes, of a line or of a file', () => {
    expect(written).to.match(/^\{"user":"a","name":"","key_id":"(07){16}","record_key":"rvk1_x","version":"2"/)
    expect(parseKeyEntry(Buffer.from(written))).to.deep.equal({ ...who, ...opens, input, from: line })
    const ofFile = parseKeyEntry(Buffer.from(keyEntryLine({ ...file, ...opens, version: 1n })))
    expect(ofFile).to.deep.equal({ user: 'a', name: 'a/b', ...opens, input: undefined, from: file })
  })

  it('refuses lines that it does not write', () => {
    for (const [from, to] of [
      ['"line":7', '"line":0'],
      ['"line":7', '"file_bytes":7'],
      ['"record_key"', '"recordKey"'],
      ['"0707', '"07'],
    ] as const) {
      expect(() => parseKeyEntry(Buffer.from(written.replace(from, to))), to).to.throw(/must be|missing/)
    }
  })
})
