// The programs of the README, as they stand there but for the address and where the package lies.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { startVault, type Vault } from '../cli/vault.js'

const run = promisify(execFile)
const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const [note = '', film = ''] = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, program = '']) => program)
const client = new URL('../../src/frontend/client.ts', import.meta.url)

describe('README.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'enc-server-readme-'))
  let vault: Vault

  before(async () => {
    vault = await startVault(folder)
  })

  after(async () => {
    await vault.stopFrontend()
    await vault.stopBackend()
    rmSync(folder, { recursive: true })
  })

  async function printed(program: string): Promise<string> {
    const here = program
      .replace("'enc-server/frontend-client'", `'${client}'`)
      .replace('127.0.0.1:7777', vault.env['ENC_SERVER_FRONTEND_TARGET'] ?? '')
    writeFileSync(join(folder, 'program.mjs'), here)
    const tsx = createRequire(import.meta.url).resolve('tsx')
    return (await run(process.execPath, ['--import', tsx, 'program.mjs'], { cwd: folder })).stdout
  }

  it('stores a record and opens it', async () => {
    expect(await printed(note)).to.equal('P<UTO...\nRECORD_NOT_FOUND\n')
  })

  it('uploads a file and downloads it', async () => {
    const contents = Buffer.alloc(3_000_000, 'a film of sorts; ')
    writeFileSync(join(folder, 'film.mp4'), contents)
    await printed(film)
    expect(readFileSync(join(folder, 'film-again.mp4')).equals(contents)).to.equal(true)
  })
})
