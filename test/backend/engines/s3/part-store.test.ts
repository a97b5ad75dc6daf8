import { randomBytes } from 'node:crypto'
import { getEventListeners, setMaxListeners } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { openS3PartStore, type S3PartStoreOptions } from '../../../../src/backend/engines/s3/part-store.js'
import { Secret } from '../../../../src/core/secret.js'
import { partStoreContract } from '../../../part-store.contract.js'
import { startS3, type TestS3 } from '../../../servers/s3.js'
import { call, reasonOf, rejection, sampleSet, until } from '../../samples.js'

const secret = (text: string) => new Secret(Buffer.from(text))
const anybody = JSON.stringify({ accessKeyId: 'somebody', secretAccessKey: 'hunter2-hunter2' })

function optionsFor(endpoint: string, changes: Partial<S3PartStoreOptions> = {}): S3PartStoreOptions {
  return {
    endpoint,
    region: 'us-east-1',
    bucket: 'vault-parts',
    prefix: 'parts/',
    forcePathStyle: true,
    insecure: false,
    credentials: secret(anybody),
    limits: { connectMs: 30_000, requestMs: 30_000, silenceMs: 30_000, attempts: 2 },
    ...changes,
  }
}

describe('the part store in S3', () => {
  let s3: TestS3

  before(async () => {
    setMaxListeners(0, call.signal) // all calls of a test share this signal
    s3 = await startS3()
  })
  after(() => s3.stop())

  const options = (changes: Partial<S3PartStoreOptions> = {}) =>
    optionsFor(s3.endpoint, { credentials: secret(s3.credentials), limits: {}, ...changes })

  partStoreContract('a bucket of s3rver', async () => {
    const prefix = `parts-${randomBytes(4).toString('hex')}/`
    let parts = await openS3PartStore(options({ prefix }))
    return {
      parts,
      async reopen() {
        await parts.close()
        parts = await openS3PartStore(options({ prefix }))
        return parts
      },
      cleanup: () => parts.close(),
    }
  })

  it('keeps a part as one object, and requests only the bytes that are wanted', async () => {
    const seen: string[] = []
    const { endpoint, close } = await relay(s3.endpoint, (method, url, range) => seen.push(`${method} ${url} ${range}`))
    const parts = await openS3PartStore(options({ endpoint, prefix: 'a/' }))
    const set = sampleSet()
    await parts.put({ ...set, partNumber: 0xabc, data: Buffer.from('0123456789') }, call)
    const halves = [set.recordId.subarray(0, 36), set.recordId.subarray(36)].map((half) => half.toString('base64url'))
    const path = `/vault-parts/a/${halves.join('/')}/${set.setId.toString('hex')}/00abc`
    expect(seen).to.deep.equal([
      'HEAD /vault-parts/ undefined',
      `HEAD ${path} undefined`,
      `PUT ${path}?x-id=PutObject undefined`,
    ])
    const piece = await parts.get({ ...set, partNumber: 0xabc, offset: 3, length: 4 }, call)
    expect(String(piece)).to.equal('3456')
    expect(seen.at(-1)).to.equal(`GET ${path}?x-id=GetObject bytes=3-6`)
    await parts.close()
    await close()
  })

  it('lists and removes sets with more parts than one list request returns, and only those', async () => {
    const parts = await openS3PartStore(options({ prefix: 'many/' }))
    const [set, other] = [sampleSet(), sampleSet()]
    const numbers = Array.from({ length: 1_003 }, (_, at) => at)
    const worker = async () => {
      for (let at = numbers.shift(); at !== undefined; at = numbers.shift()) {
        await parts.put({ ...set, partNumber: at, data: Buffer.of(1) }, call)
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    await parts.put({ ...other, partNumber: 0, data: Buffer.of(2) }, call)
    expect(await parts.state(set, call)).to.include({ count: 1_003 })
    await parts.remove(set, call)
    expect(await parts.state(set, call)).to.equal(undefined)
    expect(await parts.state(other, call)).to.include({ count: 1 })
    await parts.close()
  })

  it('refuses everything once it is closed', async () => {
    const parts = await openS3PartStore(options())
    await parts.close()
    expect(await reasonOf(parts.state(sampleSet(), call))).to.equal('STORE_UNAVAILABLE')
  })

  it('refuses to open without its bucket, and says so', async () => {
    const error = await rejection(openS3PartStore(options({ bucket: 'not-there' })))
    expect(error).to.include({ reason: 'STORE_REFUSED' })
    expect(error.message).to.equal('there is no such bucket: make it, or correct backend.parts.s3')
  })

  describe('on a server that', () => {
    const set = sampleSet()
    const data = Buffer.from('data')

    /** A store on a server that gives these answers from the second request on. */
    async function onServer(
      answer: (method: string) => { status: number; body?: string; headers?: object } | 'nothing',
      changes: Partial<S3PartStoreOptions> = {},
    ) {
      const server = await serving(answer)
      const parts = await openS3PartStore(optionsFor(server.endpoint, changes))
      const close = async () => {
        await parts.close()
        await server.close()
      }
      return { parts, close, requests: server.requests, left: server.left }
    }
    const put = (parts: Awaited<ReturnType<typeof openS3PartStore>>) => parts.put({ ...set, partNumber: 0, data }, call)

    const failures: [string, number, string, string][] = [
      ['fails', 500, 'InternalError', 'STORE_UNAVAILABLE'],
      ['is busy', 503, 'SlowDown', 'STORE_UNAVAILABLE'],
      ['refuses the credentials later on', 403, 'AccessDenied', 'STORE_REFUSED'],
      ['has no conditional writes', 501, 'NotImplemented', 'STORE_REFUSED'],
      ['is another kind of server', 405, 'MethodNotAllowed', 'STORE_REFUSED'],
      ['finds the session token expired', 400, 'ExpiredToken', 'STORE_REFUSED'],
      ['is full', 507, 'InsufficientStorage', 'STORE_FULL'],
      ['has no room for this account', 403, 'QuotaExceeded', 'STORE_FULL'],
      ['answers with something other than XML', 400, '', 'STORE_UNAVAILABLE'],
    ]
    for (const [what, status, code, reason] of failures) {
      it(`${what} is ${reason}`, async () => {
        const body = code === '' ? 'oops' : `<Error><Code>${code}</Code><Message>m</Message></Error>`
        const { parts, close, requests } = await onServer((method) =>
          method === 'HEAD' ? { status: 404 } : { status, body },
        )
        const retryAfterMs = reason === 'STORE_REFUSED' ? undefined : 1000
        expect(await rejection(put(parts))).to.include({ reason, retryAfterMs })
        if (reason === 'STORE_REFUSED') expect(requests()).to.equal(3) // for the bucket, the object and the put
        await close()
      })
    }

    it('has lost its bucket is STORE_REFUSED, not an absent part', async () => {
      const body = '<Error><Code>NoSuchBucket</Code><Message>m</Message></Error>'
      const { parts, close } = await onServer(() => ({ status: 404, body }))
      const piece = { ...set, partNumber: 0, offset: 0, length: 0 }
      expect(await reasonOf(parts.get(piece, call))).to.equal('STORE_REFUSED')
      await close()
    })

    it('supports conditional writes and has other bytes is ALREADY_EXISTS', async () => {
      let put = false
      const { parts, close } = await onServer((method) => {
        if (method === 'PUT') put = true
        if (method === 'PUT') return { status: 412, body: '<Error><Code>PreconditionFailed</Code></Error>' }
        return put ? { status: 200, headers: { 'content-length': 9 } } : { status: 404 }
      })
      expect(await reasonOf(parts.put({ ...set, partNumber: 0, data }, call))).to.equal('ALREADY_EXISTS')
      await close()
    })

    it('sends objects too large to be parts is RECORD_CORRUPT', async () => {
      const { parts, close } = await onServer(() => ({ status: 200, body: 'x'.repeat(3 << 20) }))
      const piece = { ...set, partNumber: 0, offset: 0, length: 0 }
      expect(await reasonOf(parts.get(piece, call))).to.equal('RECORD_CORRUPT')
      await close()
    })

    it('answers 404 without the body of S3 does not make a part absent', async () => {
      const { parts, close } = await onServer(() => ({ status: 404, body: '<html><br>not here' }))
      const piece = { ...set, partNumber: 0, offset: 0, length: 0 }
      expect(await reasonOf(parts.get(piece, call))).to.equal('STORE_UNAVAILABLE')
      await close()
    })

    it('answers nothing is given up after the allowed attempts', async () => {
      const limits = { connectMs: 30_000, requestMs: 300, silenceMs: 300, attempts: 2 }
      const { parts, close, requests } = await onServer(() => 'nothing', { limits })
      expect(await rejection(put(parts))).to.include({ reason: 'STORE_UNAVAILABLE' })
      expect(requests()).to.equal(3) // the check of the bucket, and two attempts
      await close()
    })

    it('answers nothing holds no call beyond its deadline or cancellation, and is disconnected then', async () => {
      const limits = { connectMs: 100_000, requestMs: 100_000, silenceMs: 100_000, attempts: 1 }
      const { parts, close, requests, left } = await onServer(() => 'nothing', { limits })
      const waiting = { ...set, partNumber: 0, data }
      const startedAt = Date.now()
      const { signal: staying } = new AbortController()
      const late = { deadline: Date.now() + 1_000, signal: staying }
      expect(await reasonOf(parts.put(waiting, late))).to.equal('DEADLINE_EXCEEDED')
      await until(() => left() === 1)
      const leaving = new AbortController()
      const cancelled = reasonOf(parts.put(waiting, { ...call, signal: leaving.signal }))
      await until(() => requests() === 3) // the check of the bucket, and these two
      leaving.abort()
      expect(await cancelled).to.equal('CANCELLED')
      expect(Date.now() - startedAt).to.be.lessThan(60_000)
      expect(getEventListeners(staying, 'abort')).to.deep.equal([])
      await until(() => left() === 2)
      await close()
    })

    it('is unreachable does not keep the store from opening', async () => {
      const server = await serving(() => ({ status: 200 }))
      await server.close()
      const parts = await openS3PartStore(optionsFor(server.endpoint))
      const error = await rejection(put(parts))
      expect(error).to.include({ reason: 'STORE_UNAVAILABLE', retryAfterMs: 1000 })
      await parts.close()
    })
  })
})

describe('the settings of the part store in S3', () => {
  const refusals: [string, Partial<S3PartStoreOptions>, string][] = [
    ['no bucket', { bucket: '' }, 'bucket: must name a bucket: 3 to 63 lower-case letters, digits, . or -'],
    [
      'an ill-formed bucket',
      { bucket: 'A_b' },
      'bucket: must name a bucket: 3 to 63 lower-case letters, digits, . or -',
    ],
    ['an ill-formed prefix', { prefix: 'a b' }, 'prefix: must be at most 128 letters, digits, _ . / or -'],
    [
      'an endpoint that is no URL',
      { endpoint: 's3.example:9000' },
      'endpoint: must be a URL such as https://s3.example:9000, without a user or a query',
    ],
    [
      'an endpoint with a password',
      { endpoint: 'https://user:hunter2@s3.example' },
      'endpoint: must be a URL such as https://s3.example:9000, without a user or a query',
    ],
    [
      'plain HTTP to another machine',
      { endpoint: 'http://s3.example:9000' },
      'endpoint: s3.example is another machine: use https, or set insecure: true',
    ],
    ...['', 'hunter2', '[]', '{"accessKeyId":"hunter2"}', '{"accessKeyId":"a","secretAccessKey":7}', 'null'].map(
      (text): [string, Partial<S3PartStoreOptions>, string] => [
        `credentials of '${text}'`,
        { credentials: secret(text) },
        'credentialsFile: must hold a JSON object with accessKeyId, secretAccessKey and optionally sessionToken',
      ],
    ),
  ]
  for (const [what, changes, message] of refusals) {
    it(`refuses ${what}`, async () => {
      const opening = openS3PartStore(optionsFor('https://s3.example', changes))
      const error = await rejection(opening)
      expect(error).to.include({ reason: 'INVALID_REQUEST', message: `backend.parts.s3.${message}`, cause: undefined })
    })
  }
})

async function listening(server: Server): Promise<{ endpoint: string; close(): Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A server that first confirms the bucket, and then gives the answers of the test. */
async function serving(answer: (method: string) => { status: number; body?: string; headers?: object } | 'nothing') {
  let requests = 0
  let left = 0
  const server = createServer((request, response) => {
    request.resume()
    requests += 1
    response.on('close', () => {
      if (!response.writableFinished) left += 1
    })
    const reply = requests === 1 ? { status: 200 } : answer(request.method ?? '')
    if (reply === 'nothing') return
    response.writeHead(reply.status, { ...reply.headers }).end('body' in reply ? reply.body : undefined)
  })
  return { ...(await listening(server)), requests: () => requests, left: () => left }
}

/** A proxy that records the requests it forwards. */
async function relay(target: string, tell: (method?: string, url?: string, range?: string) => void) {
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request
    tell(method, url, headers.range)
    const body: Buffer[] = []
    for await (const piece of request) body.push(piece)
    const sent = { ...headers } as unknown as Record<string, string>
    for (const name of ['host', 'connection', 'content-length', 'expect']) delete sent[name]
    const answered = await fetch(target + url, {
      method: method ?? 'GET',
      headers: sent,
      ...(body.length > 0 && { body: Buffer.concat(body) }),
    })
    const bytes = Buffer.from(await answered.arrayBuffer())
    const answerHeaders = Object.fromEntries([...answered.headers].filter(([name]) => name !== 'transfer-encoding'))
    response.writeHead(answered.status, answerHeaders).end(bytes)
  })
  return listening(server)
}
