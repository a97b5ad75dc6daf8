// Before the first test: the compiled programs must be there, and made from the sources as they are now.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { distFolder, repoFolder } from './processes.js'

function sourcesIn(folder: string): string[] {
  return readdirSync(join(repoFolder, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(repoFolder, folder, name))
}

function modifiedMs(path: string): number {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}

function compiled(source: string): string {
  return join(distFolder, relative(repoFolder, source)).replace(/ts$/, 'js')
}

/** What hinders the tests; undefined when nothing does. */
function problem(): string | undefined {
  if (!existsSync(join(distFolder, 'cmd', 'beserver.js'))) return 'dist/ is not there'
  if (!existsSync(join(distFolder, 'src', 'gen', 'descriptor.binpb')))
    return 'dist/src/gen/descriptor.binpb is not there'
  const stale = [...sourcesIn('src'), ...sourcesIn('cmd')].find((file) => modifiedMs(compiled(file)) < modifiedMs(file))
  return stale && `${relative(repoFolder, stale)} is newer than its compiled form`
}

export const mochaHooks = {
  beforeAll() {
    const found = problem()
    if (found !== undefined)
      throw new Error(`the end-to-end tests run the compiled programs: ${found}; run \`make build\``)
  },
}
