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

  it('is read, whatever it says in an object', () => {
    writeFileSync(path, '{"backend": 7}')
    expect(readSections({ path, required: true })).to.eql({ backend: 7 })
  })

  it('must be an object', () => {
    for (const text of ['[]', 'null', '7']) {
      expect(problem(text)).to.equal('must be an object with the sections frontend, backend, log')
    }
  })

  it('need not be there by default, but must if it was named', () => {
    expect(readSections({ path, required: false })).to.eql({})
    expect(problem()).to.equal('cannot be read (ENOENT)')
  })

  it('must be one that can be read, also the default one', () => {
    mkdirSync(path)
    expect(problem()).to.equal('cannot be read (EISDIR)')
    expect(() => readSections({ path, required: false })).to.throw('cannot be read (EISDIR)')
  })

  it('says where it is not JSON, and shows the line', () => {
    expect(problem('{\n  "backend": {\n    "port": 1,\n  }\n}\n')).to.equal(
      'not JSON: line 3, column 14: a comma too many\n      "port": 1,\n               ^',
    )
    expect(problem('{"backend": {"hosts": ["a", "b",]}}\n')).to.equal(
      'not JSON: line 1, column 32: a comma too many\n  {"backend": {"hosts": ["a", "b",]}}\n                                 ^',
    )
  })

  it('shows of a long line what is about the place', () => {
    const [, line = '', mark = ''] = problem(`{"backend": {"host": "${'x'.repeat(500)}" "port": 1}}`).split('\n')
    expect(line.length).to.be.below(90)
    expect(line.slice(mark.length - 1)).to.equal('"port": 1}}')
  })

  it('shows nothing of what has no section of ours, such as a key', () => {
    expect(problem('secret-of-somebody'))
      .to.match(/^not JSON: line 1, column 1: [^\n]*$/)
      .and.not.include('secret')
    expect(problem('{"pseudonym_keys": [{"key": "secret"},]}')).to.equal(
      'not JSON: line 1, column 38: a comma too many',
    )
    // Not even where one of our sections is named.
    for (const text of [
      '{"realm": "backend", "pseudonym_keys": ["secret"',
      '{"user": "frontend", "record_key": "rvk1_secret"}\n{}',
      '{"log": {"key": "secret"},}',
    ]) {
      expect(problem(text))
        .to.match(/^not JSON: line \d, column \d+: [^\n]*$/)
        .and.not.include('secret')
    }
  })
})
