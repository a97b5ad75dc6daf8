// What the npm package holds.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { repoFolder } from './processes.js'

describe('e2e: the package', function () {
  this.timeout(60_000)
  let files: string[]

  before(() => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--loglevel=error'], { cwd: repoFolder })
    const [{ files: listed }] = JSON.parse(packed.toString()) as [{ files: { path: string }[] }]
    files = listed.map(({ path }) => path)
  })

  it('has the programs, the clients, the messages and the pages, and nothing of the workplace', () => {
    for (const path of ['dist/cmd/feserver.js', 'dist/src/frontend/client.d.ts', 'proto/encserver/v1/frontend.proto'])
      expect(files).to.include(path)
    const folders = new Set(files.filter((path) => path.includes('/')).map((path) => path.split('/')[0]))
    expect([...folders].toSorted()).to.deep.equal(['config', 'dist', 'docs', 'proto'])
  })

  it('has the source in each source map, as the sources are not in it', () => {
    const maps = files.filter((path) => path.endsWith('.map'))
    expect(maps.length).to.be.above(100)
    for (const map of maps) {
      const { sources, sourcesContent } = JSON.parse(readFileSync(join(repoFolder, map), 'utf8'))
      expect(sourcesContent, map).to.have.length(sources.length)
    }
  })
})
