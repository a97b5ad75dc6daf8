// Whoever takes part in an upload is killed somewhere in it: the record is the one before or the new one, whole. The
// records are of mode `server`, so that both open without the token that nobody may have been given.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'chai'
import { frontendClient } from '../../src/frontend/client.js'
import { pause, until } from './calls.js'
import { lastingPort, repoFolder, type Server, sandbox } from './processes.js'
import { seededSha256, sha256Of } from './seeded-contents.js'

const rounds = Number(process.env['KILL_UPLOADS'] ?? (process.env['CI'] === 'true' ? 30 : 9))
const bytes = 24 * 1024 * 1024 + 4321
const pieces = Math.ceil(bytes / (256 * 1024))
const victims = ['client', 'front end', 'back end'] as const

describe('e2e: killed uploads', () => {
  const box = sandbox()

  it(`leave the old record or the new one, whole, in ${rounds} rounds`, async function () {
    this.timeout(60_000 + rounds * 30_000)
    const [backendPort, frontendPort] = [await lastingPort(), await lastingPort()]
    const [dataDir, keyringFile] = [join(box.folder(), 'backend'), join(box.folder(), 'keyring.json')]
    const startBackend = () => box.backend({ dataDir, port: backendPort })
    let backend = await startBackend()
    const startFrontend = () => box.frontend({ backend, keyringFile, port: frontendPort })
    let frontend = await startFrontend()
    const tally = { old: 0, new: 0, acknowledged: 0 }
    let seed = await uploaded(frontend, 1)
    for (let round = 0; round < rounds; round += 1) {
      const next = seed + 1
      const victim = victims[round % victims.length] as (typeof victims)[number]
      const upload = startUpload(frontend, next)
      await reached(upload, Math.random() * pieces * 1.05)
      if (victim === 'client') upload.child.kill('SIGKILL')
      if (victim === 'front end') {
        await frontend.stop('SIGKILL')
        frontend = await startFrontend()
      }
      if (victim === 'back end') {
        await backend.stop('SIGKILL')
        backend = await startBackend()
      }
      const acknowledged = await upload.stored
      const found = await findRecord(frontend, [seed, next])
      if (acknowledged) expect(found).to.equal(next)
      tally.acknowledged += acknowledged ? 1 : 0
      tally[found === next ? 'new' : 'old'] += 1
      seed = found
    }
    process.stdout.write(`    ${JSON.stringify(tally)}\n`)
    expect(tally.old).to.be.above(0) // else no kill hit an upload
  })

  interface Upload {
    child: ChildProcess
    output(): string
    stored: Promise<boolean>
  }

  function startUpload({ address }: Server, seed: number): Upload {
    const args = ['--import', 'tsx', 'test/e2e/uploading.ts', address, 'user', String(seed), String(bytes)]
    const child = spawn(process.execPath, args, { cwd: repoFolder, stdio: ['ignore', 'pipe', 'ignore'] })
    box.defer(() => child.kill('SIGKILL'))
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const stored = once(child, 'close').then(() => output.endsWith('stored'))
    return { child, output: () => output, stored }
  }

  async function uploaded(frontend: Server, seed: number): Promise<number> {
    expect(await startUpload(frontend, seed).stored).to.equal(true)
    return seed
  }

  /** So many pieces have left the client, or it has ended. */
  async function reached({ output, stored }: Upload, sent: number): Promise<void> {
    let ended = false
    void stored.then(() => {
      ended = true
    })
    await until(() => ended || output().length >= sent)
    if (sent > pieces) await pause(Math.random() * 50)
  }

  /** Which of the two it is; fails when it is neither, or a part of one. */
  async function findRecord({ address }: Server, seeds: number[]): Promise<number> {
    const client = frontendClient({ address })
    try {
      const { record, chunks } = await client.downloadRecord({ record: { userId: 'user' } })
      const found = await sha256Of(chunks)
      const seed = seeds.find((each) => seededSha256(each, bytes) === found.sha256)
      expect({ seed: seed !== undefined, size: record.sizeBytes }).to.deep.equal({ seed: true, size: BigInt(bytes) })
      return seed as number
    } finally {
      client.close()
    }
  }
})
