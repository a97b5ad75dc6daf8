import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { readSections } from '../../../src/core/config/config-file.js'
import { releaseAll, tempDir } from '../fake-frontend.js'

describe('config file', () => {
  let path: string

  beforeEach(() => {
    path = join(tempDir(), 'config.json')
  })
  afterEach(releaseAll)

  function problem(text?: string): string {
    if (text !== undefined) writeFileSync(path, text)
    try {
      readSections({ path, required: true })
    } catch (error) {
      expect(error).to.include({ name: 'VaultError', reason: 'INVALID_REQUEST' })
      const { message } = error as Error
      expect(message.startsWith(`configuration file ${path}: `), message).to.equal(true)
      return message.slice(`configuration file ${path}: `.length)
    }
    throw new Error('it was taken')
  }

  it('is read without a check of its sections', () => {
    writeFileSync(path, '{"backend": 7}')
    expect(readSections({ path, required: true })).to.eql({ backend: 7 })
  })

  it('must be an object', () => {
    for (const text of ['[]', 'null', '7']) {
      expect(problem(text)).to.equal('must be an object with the sections frontend, backend, log')
    }
  })

  it('may be missing unless it is required', () => {
    expect(readSections({ path, required: false })).to.eql({})
    expect(problem()).to.equal('cannot be read (ENOENT)')
  })

  it('must be readable, even if it may be missing', () => {
    mkdirSync(path)
    expect(problem()).to.equal('cannot be read (EISDIR)')
    expect(() => readSections({ path, required: false })).to.throw('cannot be read (EISDIR)')
  })

  it('reports the line and the column of a syntax error', () => {
    const values = [
      ['{\n  "backend": {\n    "port": 1,\n  }\n}\n', 'line 4, column 3'],
      ['{"backend": {"host": "a" "port": 1}}', 'line 1, column 26'],
      ['{"backend": {}}\n{}', 'line 2, column 1'],
      ['{"backend": {"host": "a\nb"}}', 'line 1, column 24'],
    ]
    for (const [text, place] of values) expect(problem(text)).to.equal(`not valid JSON: ${place}`)
  })

  it('reports a syntax error without a position', () => {
    expect(problem('{"backend": yes}')).to.equal('not valid JSON')
  })

  it('reports a file that is empty or ends too early', () => {
    for (const text of ['', '\n', '{"backend": ', '{"backend": {"secret": ']) {
      expect(problem(text)).to.equal('not valid JSON: ends too early')
    }
  })

  it('reports a byte order mark', () => {
    for (const text of ['\u{feff}{}', '\u{feff}']) {
      expect(problem(text)).to.equal('not valid JSON: begins with a byte order mark')
    }
  })

  it('quotes nothing of a file with a syntax error', () => {
    const values = [
      'secret-of-somebody',
      'x"secret" JSON at position 7',
      '{"pseudonym_keys": [{"key": "secret"},]}',
      '{"realm": "backend", "pseudonym_keys": ["secret"',
      '{"user": "frontend", "record_key": "rvk1_secret"}\n{}',
    ]
    for (const text of values) expect(problem(text)).to.match(/^not valid JSON(: line \d, column \d+)?$/)
  })
})
