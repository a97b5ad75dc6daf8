// The back end is killed while parts are stored, again and again. What was acknowledged is there, byte for byte, and what
// was not is there whole or not at all.
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { type BackendClient, backendClient, newCall, VaultError } from '../../src/backend/client.js'
import { pause } from './calls.js'
import { lastingPort, sandbox } from './processes.js'

const cycles = 8
const partBytes = 1_048_832

describe('e2e: kill -9 of the back end while parts are stored', () => {
  const box = sandbox()

  it(`loses no acknowledged part in ${cycles} cycles, and a repeated put ends well`, async function () {
    this.timeout(120_000)
    const dataDir = join(box.folder(), 'backend')
    const port = await lastingPort()
    const set = { recordId: randomBytes(72), keyId: randomBytes(16), partSetId: Buffer.alloc(0) }
    const sent: Buffer[] = []
    const acknowledged = new Set<number>()
    let backend = await box.backend({ dataDir, port })
    let client = connect()

    function connect(): BackendClient {
      const made = backendClient({ address: backend.address })
      box.defer(() => made.close())
      return made
    }

    async function upload(): Promise<void> {
      for (;;) {
        const partNumber = sent.push(randomBytes(partBytes)) - 1
        try {
          await client.methods.storePart({ ...set, partNumber, data: sent[partNumber]! }, newCall({ timeoutMs: 300 }))
          acknowledged.add(partNumber)
        } catch (error) {
          if (error instanceof VaultError) return
          throw error
        }
      }
    }

    for (let cycle = 0; cycle < cycles; cycle += 1) {
      const uploads = Promise.all(Array.from({ length: 4 }, upload))
      await pause(200 + 50 * cycle)
      await backend.stop('SIGKILL')
      await uploads
      backend = await box.backend({ dataDir, port })
      client.close()
      client = connect()
      expect(readdirSync(join(dataDir, 'parts', '.unfinished'))).to.deep.equal([])
    }
    expect(acknowledged.size).to.be.greaterThan(cycles)
    const lost: number[] = []
    for (const [partNumber, data] of sent.entries()) {
      const piece = { ...set, partNumber, offset: 0, length: 0 }
      const found = await client.methods.retrievePart(piece, newCall()).catch((error: VaultError) => {
        expect(error.reason).to.equal('PART_NOT_FOUND')
      })
      if (found) expect(found.data.equals(data)).to.equal(true)
      else if (acknowledged.has(partNumber)) lost.push(partNumber)
      await client.methods.storePart({ ...set, partNumber, data }, newCall())
    }
    expect(lost).to.deep.equal([])
    process.stdout.write(`    ${acknowledged.size} parts acknowledged of ${sent.length} sent\n`)
  })
})
