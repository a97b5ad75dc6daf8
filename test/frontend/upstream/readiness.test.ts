import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { type Reason, VaultError } from '../../../src/core/errors.js'
import type { Logger } from '../../../src/core/log/log.js'
import type { CallContext } from '../../../src/core/methods.js'
import type { Backend } from '../../../src/frontend/upstream/backend.js'
import { waitForStore, watchStore } from '../../../src/frontend/upstream/readiness.js'
import { checkStore } from '../../../src/frontend/upstream/store-check.js'
import type { GetStoreInfoResponse } from '../../../src/gen/encserver/v1/backend.js'
import { isSettledSoon } from '../../turns.js'
import { refusal, until } from '../refusal.js'

const keyringId = randomBytes(16)
const identity = { keyringId, keyChecks: [] }
const own: GetStoreInfoResponse = { format: 2, keyringId, keyChecks: [], empty: false }
const none: GetStoreInfoResponse = { format: 2, keyringId: Buffer.alloc(0), keyChecks: [], empty: true }
const foreign: GetStoreInfoResponse = { format: 2, keyringId: Buffer.alloc(16, 0xab), keyChecks: [], empty: false }

/** A back end that gives these answers, the last one for ever. */
function answering(...answers: (GetStoreInfoResponse | Reason | Error)[]) {
  const calls: CallContext[] = []
  const getStoreInfo: Backend['getStoreInfo'] = async (_, call) => {
    const answer = answers[Math.min(calls.length, answers.length - 1)]!
    calls.push(call)
    if (typeof answer === 'string') throw new VaultError(answer)
    if (answer instanceof Error) throw answer
    return answer
  }
  return { calls, backend: { getStoreInfo } as Backend }
}

/** A back end that answers only when the call is given up. */
function silent(): Backend {
  const getStoreInfo: Backend['getStoreInfo'] = (_, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new VaultError('CANCELLED')), { once: true })
    })
  return { getStoreInfo } as Backend
}

function recorder() {
  const events: unknown[][] = []
  const log = (level: string) => (event: string, fields?: object) => events.push([level, event, fields])
  const logger = {
    warn: log('warn'),
    info: log('info'),
    log: (level: string, ...rest: [string]) => log(level)(...rest),
  }
  return { events, log: logger as unknown as Logger }
}

describe('the store', () => {
  it('may be served when it is bound to this keyring or to none', () => {
    checkStore(own, identity)
    checkStore(none, identity)
  })

  it('bound to another keyring may not', () => {
    expect(() => checkStore(foreign, identity))
      .to.throw(VaultError)
      .with.property('reason', 'KEYRING_MISMATCH')
    const longer = { ...own, keyringId: Buffer.concat([keyringId, Buffer.of(0)]) }
    expect(() => checkStore(longer, identity))
      .to.throw(VaultError)
      .with.property('reason', 'KEYRING_MISMATCH')
  })

  it('of another format may not be served, even with the right keyring', () => {
    for (const format of [0, 1, 3]) {
      expect(() => checkStore({ ...own, format }, identity))
        .to.throw(VaultError)
        .with.property('reason', 'STORE_FORMAT')
    }
  })
})

describe('a front end that starts', () => {
  it('waits until the back end answers, and logs that once', async () => {
    const { calls, backend } = answering('BACKEND_UNAVAILABLE', 'DEADLINE_EXCEEDED', own)
    const { events, log } = recorder()
    expect(await waitForStore(backend, log, new AbortController().signal)).to.equal(own)
    expect(calls).to.have.length(3)
    expect(events).to.deep.equal([['warn', 'waiting for the back end', { reason: 'BACKEND_UNAVAILABLE' }]])
    for (const { deadline } of calls) expect(deadline - Date.now()).to.be.at.most(2_000)
  })

  it('logs the problem in one line, without stacks', async () => {
    const refusedBy = new VaultError('UNREACHABLE', { cause: new Error('connect ECONNREFUSED 127.0.0.1:8888') })
    const { backend } = answering(new VaultError('BACKEND_UNAVAILABLE', { cause: refusedBy }), own)
    const { events, log } = recorder()
    await waitForStore(backend, log, new AbortController().signal)
    const told = { reason: 'BACKEND_UNAVAILABLE', cause: 'connect ECONNREFUSED 127.0.0.1:8888' }
    expect(events).to.deep.equal([['warn', 'waiting for the back end', told]])
  })

  for (const reason of ['INTERNAL', 'KEYRING_MISMATCH'] as const) {
    it(`does not wait for ${reason} to pass`, async () => {
      const { calls, backend } = answering(reason)
      const { log } = recorder()
      const error = await refusal(waitForStore(backend, log, new AbortController().signal))
      expect([error.reason, calls.length]).to.deep.equal([reason, 1])
    })
  }

  it('stops waiting as soon as its signal aborts, between two requests and during one', async () => {
    for (const backend of [answering('BACKEND_UNAVAILABLE').backend, silent()]) {
      const stopping = new AbortController()
      const waiting = waitForStore(backend, recorder().log, stopping.signal).catch(() => 'stopped')
      await new Promise((resolve) => setTimeout(resolve, 20))
      stopping.abort()
      expect(await isSettledSoon(waiting)).to.equal(true)
      expect(await waiting).to.equal('stopped')
    }
  })
})

describe('a front end that serves', () => {
  const watch = async (backend: Backend, enough: (states: boolean[]) => boolean) => {
    const states: boolean[] = []
    const { events, log } = recorder()
    const stopping = new AbortController()
    const watching = watchStore(
      { backend, own: identity, log, setReady: (ready) => states.push(ready) },
      stopping.signal,
    )
    try {
      await until(() => enough(states))
    } finally {
      stopping.abort()
      await watching
    }
    return { states, events }
  }

  it('is ready while the store has its keyring, logs that once, and notices when the store is exchanged', async () => {
    const { calls, backend } = answering(own, foreign)
    const { states, events } = await watch(backend, ({ length }) => length === 2)
    expect(states).to.deep.equal([true, false])
    expect(events[0]).to.deep.equal(['info', 'ready', {}])
    const [level, event, { reason, why }] = events[1] as [string, string, Record<string, string>]
    expect([level, event, reason]).to.deep.equal(['warn', 'not ready', 'KEYRING_MISMATCH'])
    expect(why).to.match(/^the store is bound to keyring [0-9a-f]{32}, this front end has [0-9a-f]{32}: give it/)
    expect(events).to.have.length(2)
    expect(calls).to.have.length(2)
  })

  it('is not ready while the back end does not answer, and is again', async () => {
    const { states, events } = await watch(answering('BACKEND_UNAVAILABLE', own).backend, ({ length }) => length === 2)
    expect(states).to.deep.equal([false, true])
    expect(events).to.deep.equal([
      ['warn', 'not ready', { reason: 'BACKEND_UNAVAILABLE' }],
      ['info', 'ready', {}],
    ])
  })

  it('is not ready beside a store of another format, or when the question itself fails', async () => {
    for (const [answer, reason] of [
      [{ ...own, format: 1 }, 'STORE_FORMAT'],
      [{ ...own, format: 3 }, 'STORE_FORMAT'],
      [new TypeError('a bug'), 'INTERNAL'],
    ] as const) {
      const { states, events } = await watch(answering(answer).backend, ({ length }) => length === 1)
      expect(states).to.deep.equal([false])
      expect(events).to.have.length(1)
      expect(events[0]?.slice(0, 2)).to.deep.equal(['warn', 'not ready'])
      expect(events[0]?.[2]).to.include({ reason })
    }
  })

  it('stops as soon as its signal aborts, during a request too, and logs nothing more', async () => {
    const states: boolean[] = []
    const stopping = new AbortController()
    const parts = {
      backend: silent(),
      own: identity,
      log: recorder().log,
      setReady: (ready: boolean) => states.push(ready),
    }
    const watching = watchStore(parts, stopping.signal)
    await new Promise((resolve) => setTimeout(resolve, 10))
    stopping.abort()
    expect(await isSettledSoon(watching)).to.equal(true)
    expect(states).to.deep.equal([])
  })
})
