import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { version } from '../../src/core/version.js'

describe('version', () => {
  it('is the version of package.json', () => {
    const { version: packaged } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(version).to.equal(packaged)
  })
})
