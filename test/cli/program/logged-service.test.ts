import { expect } from 'chai'
import { type StartedService, startLoggedService } from '../../../src/cli/program/logged-service.js'
import { VaultError } from '../../../src/core/errors.js'
import type { Logger } from '../../../src/core/log/log.js'
import { version } from '../../../src/core/version.js'
import { type Event, failure, keepingLog, localhost } from '../../core/fake-frontend.js'

const { pid } = process

/** A log that says whether it was closed. */
function closingLog() {
  const kept = keepingLog()
  let closed = false
  kept.log.once('finish', () => {
    closed = true
  })
  return { ...kept, isClosed: () => closed }
}

const fieldsOf = (event: Event) => Object.fromEntries(Object.entries(event))

describe('a service and its log', () => {
  const started: StartedService = {
    listen: { ...localhost, port: 1 },
    keeps: { store: 'data/backend' },
    renewCertificates: () => undefined,
    stop: async () => undefined,
  }
  const logOf = (log: Logger, readLevel = () => 'info') => ({ log, readLevel })

  it('has a line when it serves, when it takes no more calls, and when it has stopped', async () => {
    const { log, events, isClosed } = closingLog()
    const stop = async () => void log.info('work ends')
    const service = await startLoggedService(logOf(log), async () => ({ ...started, stop }))
    expect(service.summary).to.equal('listening on 127.0.0.1:1, store in data/backend')
    await service.stop()
    expect(isClosed()).to.equal(true)
    expect(events.map(fieldsOf)).to.deep.equal([
      {
        level: 'info',
        message: 'start',
        version,
        pid,
        address: '127.0.0.1:1',
        transport: 'plain text',
        store: 'data/backend',
      },
      { level: 'info', message: 'stopping' },
      { level: 'info', message: 'work ends' },
      { level: 'info', message: 'stop' },
    ])
  })

  it('has a line that says whether callers need a certificate', async () => {
    const tls = { certFile: 'cert.pem', keyFile: 'key.pem', clientCaFile: '' }
    for (const [clientCaFile, transport] of Object.entries({ '': 'TLS', 'ca.pem': 'mutual TLS' })) {
      const { log, events } = keepingLog()
      const listen = { ...localhost, tls: { ...tls, clientCaFile } }
      await startLoggedService(logOf(log), async () => ({ ...started, listen }))
      expect(events[0]).to.include({ message: 'start', transport })
    }
  })

  const failures: [string, unknown, object][] = [
    [
      'in words',
      new VaultError('KEYRING_MISMATCH', { message: 'another', cause: new Error('first') }),
      {
        level: 'error',
        message: 'start failed',
        version,
        pid,
        status: 'KEYRING_MISMATCH',
        why: 'another',
        cause: 'first',
      },
    ],
    ['as a stop where it was told to stop', new VaultError('CANCELLED'), { level: 'info', message: 'stop' }],
  ]
  for (const [how, thrown, line] of failures) {
    it(`has a line when it does not start, ${how}, and is closed`, async () => {
      const { log, events, isClosed } = closingLog()
      expect(await failure(startLoggedService(logOf(log), () => Promise.reject(thrown)))).to.equal(thrown)
      expect(events.map(fieldsOf)).to.deep.equal([line])
      expect(isClosed()).to.equal(true)
    })
  }

  it('has a line when it reloads, and then writes at the level of the configuration', async () => {
    const { log, events } = keepingLog()
    let renewed = 0
    const renewCertificates = () => {
      renewed += 1
    }
    const service = await startLoggedService(
      logOf(log, () => 'debug'),
      async () => ({ ...started, renewCertificates }),
    )
    events.length = 0
    service.reload()
    expect(renewed).to.equal(1)
    expect(log.level).to.equal('debug')
    expect(events.map(fieldsOf)).to.deep.equal([{ level: 'info', message: 'reload', loglevel: 'debug' }])
  })

  it('changes nothing when it cannot reload, and says why', async () => {
    const { log, events } = keepingLog()
    const failing = () => {
      throw new VaultError('INVALID_REQUEST', { message: 'frontend.tls.certFile: cannot read cert.pem (ENOENT)' })
    }
    const parts = logOf(log, () => 'debug')
    const service = await startLoggedService(parts, async () => ({ ...started, renewCertificates: failing }))
    const { level } = log
    events.length = 0
    service.reload()
    expect(log.level).to.equal(level)
    const why = 'frontend.tls.certFile: cannot read cert.pem (ENOENT)'
    expect(events.map(fieldsOf)).to.deep.equal([{ level: 'error', message: 'reload failed', why }])
  })

  it('has the stack of a bug that ends its start', async () => {
    const { log, events } = keepingLog()
    const bug = new TypeError('bug')
    await failure(startLoggedService(logOf(log), () => Promise.reject(bug)))
    expect(events[0]).to.include({ level: 'error', status: 'INTERNAL' })
    expect(events[0]?.['cause']).to.equal(bug)
  })
})
