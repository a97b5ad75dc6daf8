// The back end is killed under 64 writers, again and again. What was acknowledged is there, and nothing is half there.
// On MongoDB the server lives on, and what the back end had asked of it last may still happen. 20 times by default (10 on
// MongoDB), 200 with CI=true (50); KILL_CYCLES says otherwise (1000 is the long form).
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { backendClient } from '../../src/backend/client.js'
import { loadConfig } from '../../src/core/config/config.js'
import { type FrontendConfig, frontendSchema } from '../../src/frontend/config.js'
import { randomSource } from '../../src/frontend/crypto/random.js'
import type { Keyring } from '../../src/frontend/keys/keyring.js'
import { createKeyring, readKeyring } from '../../src/frontend/keys/keyring-file.js'
import { pause } from './calls.js'
import { describeEngines, type Engine } from './engines.js'
import { killModel } from './kill-model.js'
import { lastingPort, sandbox } from './processes.js'

const usualCycles: Record<Engine, number> =
  process.env['CI'] === 'true' ? { level: 200, mongodb: 50 } : { level: 20, mongodb: 10 }
const mostWrites = 300
const longestWriteMs = 1_000
const longestRecoveryMs = 300

describeEngines('e2e: kill -9 of the back end', (engine) => {
  const box = sandbox(engine)
  const cycles = Number(process.env['KILL_CYCLES'] ?? usualCycles[engine])

  it(`loses no acknowledged write of 64 writers in ${cycles} cycles, and leaves none half-written`, async function () {
    this.timeout(60_000 + cycles * 5_000)
    const folder = box.folder()
    const port = await lastingPort()
    const options = { dataDir: join(folder, 'backend'), port, set: { 'log.level': 'error' } }
    const keyringFile = join(folder, 'keyring.json')
    mkdirSync(options.dataDir)
    await createKeyring(keyringFile, 'default', randomSource())
    const keyring = (await readKeyring(keyringFile)) as Keyring
    const sources = { file: { path: 'none', required: false }, env: {}, overrides: [] }
    const { frontend: config } = loadConfig<{ frontend: FrontendConfig }>(frontendSchema, sources)
    const connect = () => backendClient({ address: `127.0.0.1:${port}` })
    let connection = connect()
    box.defer(() => connection.close())
    const model = killModel({ config, keyring, backend: () => connection.methods, writers: 64 })

    const startedAt = Date.now()
    let backend = await box.backend(options)
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      let killed = false
      const writing = model.write(() => killed)
      await someWrites()
      killed = cycle % 4 !== 1 // else they go on, and begin writes while nobody is there
      await backend.stop('SIGKILL')
      if (cycle % 8 === 7) await killWhileItStarts()
      backend = await box.backend(options)
      killed = true
      await writing
      connection.close() // it would wait a while before it connects again
      connection = connect()
      await model.check()
      const { lost, halfWritten } = model.tally
      expect({ cycle, lost, halfWritten }).to.deep.equal({ cycle, lost: [], halfWritten: [] })
    }
    const seconds = (Date.now() - startedAt) / 1000
    await model.checkAll()
    report(seconds)
    expect(model.tally.lost).to.deep.equal([])
    expect(model.tally.halfWritten).to.deep.equal([])
    expect(model.tally.stores).to.be.greaterThan(cycles * 32)
    expect(model.tally.unknown + model.tally.refused).to.be.greaterThan(0) // else nobody was hit by a kill

    /** From the first moments, when all are new, to a full run. */
    async function someWrites(): Promise<void> {
      const { tally } = model
      const enough = tally.stores + tally.deletes + Math.random() * mostWrites
      const latest = Date.now() + longestWriteMs
      while (tally.stores + tally.deletes < enough && Date.now() < latest) await pause(1)
    }

    async function killWhileItStarts(): Promise<void> {
      const { dataDir, set } = options
      const doomed = box.run('beserver', { set: { ...set, ...box.stores.settings(dataDir), 'backend.port': port } })
      await pause(Math.random() * longestRecoveryMs)
      await doomed.stop('SIGKILL')
    }

    function report(seconds: number): void {
      const { stores, deletes, unknown, tookEffect, refused, checked, lost, halfWritten } = model.tally
      process.stdout.write(
        `    ${cycles} kills, ${(seconds / cycles).toFixed(2)} s each: ${stores + deletes} acknowledged writes ` +
          `(${stores} stores, ${deletes} deletes), ${lost.length} lost, ${halfWritten.length} half-written; ` +
          `${unknown} of unknown outcome, of which ${tookEffect} took effect; ${refused} refused; ${checked} checks\n`,
      )
    }
  })
})
