import { expect } from 'chai'
import { exportLine, parseImportLine } from '../../src/cli/import-line.js'
import { keyEntryLine, parseKeyEntry } from '../../src/cli/key-entry.js'
import { KeyMode } from '../../src/frontend/client.js'

const parse = (text: string | Buffer) => parseImportLine(Buffer.from(text), undefined)

function refusal(text: string | Buffer): string {
  try {
    parse(text)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

describe('import line', () => {
  it('is a record of text or of bytes', () => {
    const text = parse('{"user":"alice","text":"h\\u00e9"}')
    expect(text).to.deep.equal({
      userId: 'alice',
      recordName: '',
      data: Buffer.from('hé'),
      callerAad: Buffer.alloc(0),
    })
    const bytes = parse('\ufeff{"user":"a","name":"n","data":"AAEC","aad":"/w==","mode":"client"}\r')
    expect(bytes).to.deep.include({ recordName: 'n', data: Buffer.from([0, 1, 2]), callerAad: Buffer.from([255]) })
    expect(bytes.keyMode).to.equal(KeyMode.KEY_MODE_CLIENT)
  })

  it('has its own mode, or the one for all', () => {
    expect(parseImportLine(Buffer.from('{"user":"a","text":""}'), 'server').keyMode).to.equal(KeyMode.KEY_MODE_SERVER)
    const own = Buffer.from('{"user":"a","text":"","mode":"split"}')
    expect(parseImportLine(own, 'server').keyMode).to.equal(KeyMode.KEY_MODE_SPLIT)
  })

  it('is refused by the name of its field, and never quoted', () => {
    const refusals: [string | Buffer, string][] = [
      ['{"user":"a","text":"top secret"', 'line: is not JSON'],
      ['secret', 'line: is not JSON'],
      ['["a"]', 'line: must be a JSON object'],
      ['null', 'line: must be a JSON object'],
      ['{"text":"x"}', 'user: is missing'],
      ['{"user":7,"text":"x"}', 'user: must be a string'],
      ['{"user":"a"}', 'data: is missing, and so is text'],
      ['{"user":"a","data":"","text":""}', 'data: and text exclude each other'],
      ['{"user":"a","data":"YQ"}', 'data: must be base64, padded with ='],
      ['{"user":"a","data":"Y Q="}', 'data: must be base64, padded with ='],
      ['{"user":"a","text":"x","aad":"x"}', 'aad: must be base64'],
      ['{"user":"a","text":"x","mode":"own"}', 'mode: must be one of client, server, split'],
      ['{"user":"a","text":"x","nmae":"secret"}', 'line: has a field that is none of user, name'],
      ['{"user":"\\ud800","text":"x"}', 'user: is not well-formed text'],
      ['{"user":"a","text":"\\ud800"}', 'text: is not well-formed text'],
      [Buffer.from('7b22757365722222ff7d', 'hex'), 'line: is not UTF-8'],
    ]
    for (const [line, expected] of refusals) {
      expect(refusal(line), String(line)).to.include(expected).and.not.to.include('secret')
    }
    expect(() => parseImportLine(undefined, undefined)).to.throw('line: is longer than 5242880 bytes')
  })

  it('is what export writes', () => {
    const record = {
      recordName: 'n',
      version: 3n,
      keyId: Buffer.alloc(16, 1),
      keyMode: KeyMode.KEY_MODE_SPLIT,
      sizeBytes: 2n,
      storeTime: new Date(0),
      expireTime: undefined,
      attributes: undefined,
    }
    const line = exportLine({ user: 'a', aad: Buffer.from('x') }, { data: Buffer.from('hi'), record })
    expect(line.endsWith('}\n')).to.equal(true)
    expect(parse(line)).to.deep.equal({
      userId: 'a',
      recordName: 'n',
      data: Buffer.from('hi'),
      callerAad: Buffer.from('x'),
      keyMode: KeyMode.KEY_MODE_SPLIT,
    })
  })
})

describe('key entry', () => {
  const entry = {
    line: 7,
    lineBytes: 80,
    user: 'a',
    name: '',
    aad: Buffer.from('x'),
    keyId: Buffer.alloc(16, 7),
    recordKey: 'rvk1_x',
    input: { bytes: 9, modified: '2026-01-01T00:00:00.000Z' },
  }

  it('reads what it wrote', () => {
    const line = keyEntryLine({ ...entry, version: 2n })
    expect(line).to.match(/^\{"user":"a","name":"","key_id":"(07){16}","record_key":"rvk1_x","version":"2"/)
    expect(parseKeyEntry(Buffer.from(line))).to.deep.equal(entry)
  })

  it('refuses what it would not write', () => {
    for (const [from, to] of [
      ['"line":7', '"line":0'],
      ['"record_key"', '"recordKey"'],
      ['"0707', '"07'],
    ] as const) {
      const line = keyEntryLine({ ...entry, version: 2n }).replace(from, to)
      expect(() => parseKeyEntry(Buffer.from(line)), to).to.throw(/must be|missing/)
    }
  })
})
