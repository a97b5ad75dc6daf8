import { expect } from 'chai'
import { exportLine, parseImportLine } from '../../../src/cli/import/import-line.js'
import { KeyMode } from '../../../src/frontend/client.js'

const parse = (text: string | Buffer) => parseImportLine(Buffer.from(text))

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

  it('has its own mode, or the default', () => {
    expect(parseImportLine(Buffer.from('{"user":"a","text":""}'), { mode: 'server' }).keyMode).to.equal(
      KeyMode.KEY_MODE_SERVER,
    )
    const own = Buffer.from('{"user":"a","text":"","mode":"split"}')
    expect(parseImportLine(own, { mode: 'server' }).keyMode).to.equal(KeyMode.KEY_MODE_SPLIT)
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
      ['{"user":"a","text":"x","expire_time":1}', 'expire_time: must be a string'],
      ['{"user":"a","text":"x","expire_time":"2027-13-01T00:00:00Z"}', 'expire_time: must be a time with its zone'],
      ['{"user":"a","text":"x","expire_time":"2027-01-01T00:00:00"}', 'expire_time: must be a time with its zone'],
      ['{"user":"a","text":"x","labels":["secret"]}', 'labels: must be an object of strings'],
      ['{"user":"a","text":"x","labels":{"secret":{}}}', 'labels: must be an object of strings'],
      ['{"user":"a","text":"x","labels":{"__proto__":"x"}}', 'labels: a key must not be __proto__'],
      ['{"user":"a","text":"x","labels":{"\\ud800":"x"}}', 'labels: a key is not well-formed text'],
      ['{"user":"a","text":"x","labels":{"k":"\\ud800"}}', 'labels: a value is not well-formed text'],
      ['{"user":"a","text":"x","keep_versions":-1}', 'keep_versions: must be a whole number, at least 0'],
      ['{"user":"\\ud800","text":"x"}', 'user: is not well-formed text'],
      ['{"user":"a","text":"\\ud800"}', 'text: is not well-formed text'],
      [Buffer.from('7b22757365722222ff7d', 'hex'), 'line: is not UTF-8'],
    ]
    for (const [line, expected] of refusals) {
      expect(refusal(line), String(line)).to.include(expected).and.not.to.include('secret')
    }
    expect(() => parseImportLine(undefined)).to.throw('line: is longer than 5242880 bytes')
  })

  it('has its own attributes, or the defaults', () => {
    const said = parse(
      '{"user":"a","text":"","expire_time":"2030-01-02T03:04:05.5+01:00","content_type":"a/b","labels":{"k":"v"},"keep_versions":7}',
    )
    const attributes = { contentType: 'a/b', labels: { k: 'v' } }
    expect(said).to.deep.include({ expireTime: new Date('2030-01-02T02:04:05.500Z'), attributes, keepVersions: 7 })
    const life = { expireTime: new Date(0), attributes, keepVersions: 2 }
    expect(parseImportLine(Buffer.from('{"user":"a","text":""}'), { life })).to.deep.include(life)
    const asBefore = Buffer.from('{"user":"a","text":"","keep_versions":0}')
    expect(parseImportLine(asBefore, { life })).to.include({ keepVersions: 0 })
    const own = Buffer.from('{"user":"a","text":"","labels":{},"keep_versions":1}')
    expect(parseImportLine(own, { life })).to.deep.include({
      expireTime: new Date(0),
      attributes: { contentType: 'a/b', labels: {} },
      keepVersions: 1,
    })
  })

  it('is what export writes', () => {
    const record = {
      recordName: 'n',
      version: 3n,
      keyId: Buffer.alloc(16, 1),
      keyMode: KeyMode.KEY_MODE_SPLIT,
      sizeBytes: 2n,
      storeTime: new Date(0),
      expireTime: new Date(Date.UTC(2030, 0)),
      attributes: { contentType: 'a/b', labels: { k: 'v' } },
    }
    const line = exportLine({ user: 'a', aad: Buffer.from('x') }, { data: Buffer.from('hi'), record })
    expect(line.endsWith('}\n')).to.equal(true)
    expect(parse(line)).to.deep.equal({
      userId: 'a',
      recordName: 'n',
      data: Buffer.from('hi'),
      callerAad: Buffer.from('x'),
      keyMode: KeyMode.KEY_MODE_SPLIT,
      expireTime: new Date(Date.UTC(2030, 0)),
      attributes: { contentType: 'a/b', labels: { k: 'v' } },
    })
  })
})
