import { readFileSync } from 'node:fs'
import { status } from '@grpc/grpc-js'
import { expect } from 'chai'
import {
  invalidField,
  isReason,
  type Kind,
  kinds,
  type Reason,
  reasons,
  rootCause,
  VaultError,
} from '../../src/core/errors.js'

const all = Object.keys(reasons) as Reason[]

describe('errors', () => {
  for (const reason of all) {
    it(`${reason} has a kind, a status and a message without a capital at the start or a period at the end`, () => {
      const error = new VaultError(reason)
      expect(kinds).to.have.property(error.kind)
      expect(error.kind).to.equal(reasons[reason].kind)
      expect(error.message).to.match(/^[a-z].*[^.!\s]$/)
      expect(error).to.include({ name: 'VaultError', reason, retryAfterMs: undefined, requestId: undefined })
      expect(error.fields).to.eql([])
    })
  }

  it('gives each kind one gRPC status of its own and an HTTP error', () => {
    const codes = Object.values(kinds).map(({ grpc }) => grpc)
    expect(new Set(codes).size).to.equal(codes.length)
    expect(codes).to.not.include(status.OK).and.not.include(status.UNKNOWN)
    for (const { http } of Object.values(kinds)) expect(http).to.be.within(400, 599)
  })

  it('is an Error that keeps its data and its cause', () => {
    const cause = new Error('why')
    const error = new VaultError('STORE_FULL', { message: 'm', retryAfterMs: 5, requestId: 'r', cause })
    expect(error).to.be.instanceOf(Error).and.include({ message: 'm', retryAfterMs: 5, requestId: 'r', cause })
  })

  it('names an invalid field', () => {
    const error = invalidField('user_id', 'must not be empty')
    expect(error).to.include({ reason: 'INVALID_REQUEST', kind: 'invalid', message: 'user_id: must not be empty' })
    expect(error.fields).to.eql([{ field: 'user_id', description: 'must not be empty' }])
  })

  it('knows its own reasons and no inherited name', () => {
    expect(all.every(isReason)).to.equal(true)
    for (const text of ['', 'NO_SUCH_REASON', 'toString', '__proto__', 'constructor', 'internal']) {
      expect(isReason(text), text).to.equal(false)
    }
  })
})

describe('docs/errors.md', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const documented = [...page.matchAll(/^\| `(.+?)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$/gm)].map((row) =>
    row.slice(1, 6),
  )

  it('has exactly the table of the code', () => {
    const coded = all.map((reason) => {
      const { kind, message } = reasons[reason]
      return [reason, kind, status[kinds[kind].grpc], String(kinds[kind].http), message]
    })
    expect(documented).to.have.deep.members(coded)
  })

  it('explains each reason once, says what to do, and explains no other', () => {
    const sections = page.split(/^### /m).slice(1)
    expect(sections.map((section) => section.split('\n')[0])).to.have.members(all)
    for (const section of sections) expect(section.match(/^\*Do:\* /gm), section.split('\n')[0]).to.have.length(1)
  })

  it('names every kind, those without a reason with their statuses', () => {
    const used = new Set<Kind>(all.map((reason) => reasons[reason].kind))
    for (const kind of Object.keys(kinds) as Kind[]) {
      const { grpc, http } = kinds[kind]
      if (!used.has(kind)) expect(page.replaceAll('\n', ' ')).to.include(`\`${kind}\` (${status[grpc]}, ${http})`)
    }
  })
})

describe('root cause', () => {
  it('is the message at the end of a chain', () => {
    const error = new Error('outer', { cause: new Error('middle', { cause: new Error('inner') }) })
    expect(rootCause(error)).to.equal('inner')
    expect(rootCause(new Error('outer', { cause: 'text' }))).to.equal('text')
    expect(rootCause(undefined)).to.equal(undefined)
  })

  it('is found in a cycle of causes', () => {
    const [a, b] = [new Error('a'), new Error('b')]
    a.cause = b
    b.cause = a
    expect(rootCause(a)).to.be.oneOf(['a', 'b'])
  })
})
