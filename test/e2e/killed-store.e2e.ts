// A feclient that is killed between the store and its answer: the record key is on disk.
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { FrontendClient } from '../../src/frontend/client.js'
import { eventsIn, until } from './calls.js'
import { ended, startFeclient } from './feclient.js'
import { type Server, sandbox } from './processes.js'
import { startProxy, type TcpProxy } from './proxy.js'

const answerMs = 1_000
const user = ['--user', 'alice', '--name', 'note']

describe('e2e: a killed store', () => {
  const box = sandbox()
  let folder: string
  let frontend: Server
  let proxy: TcpProxy
  let client: FrontendClient

  before(async () => {
    folder = box.folder()
    frontend = await box.frontend({ backend: await box.backend(), set: { 'log.dir': folder } })
    proxy = await startProxy(box, frontend)
    client = box.client(frontend)
    writeFileSync(join(folder, 'note.txt'), 'second')
  })

  const calls = () => eventsIn(join(folder, 'feserver.log')).filter(({ event }) => event === 'call')
  const keyIn = (name: string) => readFileSync(join(folder, name), 'utf8').trim()
  const opened = async (recordKey: string) =>
    (await client.retrieveRecord({ userId: 'alice', recordName: 'note', recordKey })).data.toString()

  for (const command of ['store', 'upload']) {
    it(`leaves the record key of ${command} on disk, which opens the record`, async () => {
      const keyFile = `${command}.key`
      const before = calls().length
      await client.storeRecord({ userId: 'alice', recordName: 'note', data: Buffer.from('first') })
      await until(() => calls().length > before)
      const done = calls().length
      proxy.delay(answerMs)
      const args = [command, ...user, '--in', 'note.txt', '--key-out', keyFile]
      const killed = startFeclient(box, { folder, address: proxy.address }, args)
      await until(() => calls().length > done)
      killed.kill('SIGKILL')
      await once(killed, 'exit')
      proxy.delay(0)
      expect(calls().at(-1)).to.include({ status: 'OK' })
      expect(existsSync(join(folder, keyFile))).to.equal(false)
      expect(await opened(keyIn(`${keyFile}.pending`))).to.equal('second')
      const again = await ended(startFeclient(box, { folder, address: frontend.address }, args))
      expect(again.code).to.equal(2)
      expect(again.stderr).to.include(
        `${keyFile}.pending has the record key of an earlier write whose outcome is unknown`,
      )
    })
  }

  it('gives the file its name once the answer has come, and leaves none after a failure', async () => {
    const run = (...args: string[]) => ended(startFeclient(box, { folder, address: frontend.address }, args))
    expect((await run('store', ...user, '--in', 'note.txt', '--key-out', 'good.key')).code).to.equal(0)
    expect(await opened(keyIn('good.key'))).to.equal('second')
    const refused = await run('store', ...user, '--if-absent', '--in', 'note.txt', '--key-out', 'bad.key')
    expect(refused.code).to.equal(1)
    for (const name of ['good.key.pending', 'bad.key', 'bad.key.pending'])
      expect(existsSync(join(folder, name)), name).to.equal(false)
  })
})
