import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { parseNonce, readIdKey } from '../../../src/cli/legacy/importer.js'
import { parseDumpLine, parseLegacyKey } from '../../../src/cli/legacy/line.js'

const fields = { idField: 'id', recordField: 'record' }
const bytes = Buffer.from('00010203fbff', 'hex')
const key = Buffer.alloc(32, 0xab)

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

describe('a line of the old keys', () => {
  const parse = (line: object | string) =>
    parseLegacyKey(Buffer.from(typeof line === 'string' ? line : JSON.stringify(line)))

  it('has a user and a key, and perhaps the id of the document', () => {
    const expected = { userId: 'a', recordName: '', key, storedId: undefined }
    expect(parse({ user_id: 'a', key: key.toString('hex') })).to.deep.equal(expected)
    expect(parse({ user_id: 'a', key: key.toString('hex').toUpperCase() })).to.deep.equal(expected)
    expect(parse({ user_id: 'a', key: key.toString('base64') })).to.deep.equal(expected)
    const more = { user_id: 'a', record_name: 'r', key: key.toString('hex'), stored_id: bytes.toString('hex') }
    expect(parse(more)).to.deep.equal({ ...expected, recordName: 'r', storedId: bytes })
  })

  it('is refused by the name of its field, and never quoted', () => {
    const good = { user_id: 'a', key: key.toString('hex') }
    const refusals: [object | string, string][] = [
      [{ ...good, key: 'secret' }, 'key: must be bytes: hex, base64'],
      [{ ...good, key: '' }, 'key: must be bytes: hex, base64'],
      [{ ...good, key: key.toString('hex').slice(1) }, 'key: must be bytes: hex, base64'],
      [{ ...good, key: key.toString('hex').slice(2) }, 'key: must be 32 bytes, not 31'],
      [{ ...good, key: key.toString('base64').replace('=', '') }, 'key: must be bytes: hex, base64'],
      [{ ...good, key: 7 }, 'key: must be bytes: hex, base64'],
      [{ ...good, key: null }, 'key: must be bytes: hex, base64'],
      [{ user_id: 'secret' }, 'key: is missing'],
      [{ key: good.key }, 'user_id: is missing'],
      [{ ...good, user_id: 7 }, 'user_id: must be a string'],
      [{ ...good, stored_id: 'secret' }, 'stored_id: must be bytes: hex, base64'],
      [{ ...good, stored_id: { $binary: { hex: 'secret' } } }, 'stored_id: must be bytes: hex, base64'],
      [{ ...good, storedId: 'secret' }, 'line: has a field that is none of user_id, record_name, key, stored_id'],
      ['secret', 'line: is not JSON'],
    ]
    for (const [line, expected] of refusals) {
      expect(
        refusal(() => parse(line)),
        JSON.stringify(line),
      )
        .to.include(expected)
        .and.not.include('secret')
    }
    expect(() => parseLegacyKey(undefined)).to.throw('line: is longer than 65536 bytes')
  })
})

describe('a document of a dump', () => {
  const parse = (document: object) => parseDumpLine(Buffer.from(JSON.stringify(document)), fields)

  it('has bytes as hex, base64, or extended JSON of either version', () => {
    const spellings = [
      bytes.toString('hex'),
      bytes.toString('hex').toUpperCase(),
      bytes.toString('base64'),
      { $binary: { base64: bytes.toString('base64'), subType: '00' } },
      { $binary: bytes.toString('base64'), $type: '00' },
    ]
    for (const id of spellings) {
      for (const record of spellings) {
        const document = { _id: { $oid: '65f000000000000000000001' }, id, record, other: [1] }
        expect(parse(document)).to.deep.equal({ id: bytes, record: bytes })
      }
    }
  })

  it('is refused by the name of its field', () => {
    expect(refusal(() => parse({ record: '00' }))).to.equal('id: is missing')
    expect(refusal(() => parse({ id: '00' }))).to.equal('record: is missing')
    for (const record of ['', 'x', '0', 7, null, {}, { $binary: null }, { $binary: 7 }, { $oid: '00' }, ['00']]) {
      expect(
        refusal(() => parse({ id: '00', record })),
        JSON.stringify(record),
      ).to.include('record: must be bytes')
    }
    expect(() => parseDumpLine(undefined, fields)).to.throw('line: is longer than 8388608 bytes')
  })
})

describe('the old settings', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-legacy-line-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('have a nonce of 12 bytes of text', () => {
    expect(parseNonce('0123456789ab')).to.deep.equal(Buffer.from('0123456789ab'))
    expect(parseNonce('éééééé')).to.have.length(12)
    for (const text of ['', '0123456789a', '0123456789ab ', 'éééééée']) {
      expect(() => parseNonce(text), text).to.throw('It must be 12 bytes')
    }
  })

  it('have a key of 32 bytes of text, in a file that may end in a line break', async () => {
    const path = join(folder, 'id.key')
    const text = 'an id key of exactly 32 bytes ..'
    for (const ending of ['', '\n', '\r\n']) {
      await writeFile(path, text + ending)
      expect((await readIdKey(path)).toString()).to.equal(text)
    }
    for (const wrong of [
      '',
      text.slice(1),
      `${text.slice(1)}\n`,
      `${text}x`,
      `${text}\n\n`,
      `${text}\r\nx`,
      text + text,
    ]) {
      await writeFile(path, wrong)
      const refused = await readIdKey(path).catch((error: Error) => error.message)
      expect(refused, JSON.stringify(wrong)).to.equal('--id-key-file: must hold 32 bytes: the text of the old setting')
    }
  })
})
