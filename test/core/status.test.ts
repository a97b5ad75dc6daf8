import { status as codes, Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js'
import { expect } from 'chai'
import { kinds, type Reason, reasons, VaultError } from '../../src/core/errors.js'
import { asVaultError, fromServiceError, toGrpcStatus, toRpcStatus } from '../../src/core/status.js'
import { ErrorInfo } from '../../src/gen/google/rpc/error_details.js'
import { Status } from '../../src/gen/google/rpc/status.js'

function received({ code, details, metadata }: Partial<StatusObject>): ServiceError {
  return Object.assign(new Error('from grpc-js'), { code, details, metadata }) as ServiceError
}

function passed(error: VaultError): VaultError {
  return fromServiceError(received(toGrpcStatus(error, 'request-1')))
}

function withDetails(code: codes, value: Buffer): ServiceError {
  const metadata = new Metadata()
  metadata.set('grpc-status-details-bin', value)
  return received({ code, details: 'text of the status', metadata })
}

function withReason(code: codes, reason: string, domain = 'encserver'): ServiceError {
  const info = ErrorInfo.encode({ reason, domain, metadata: {} }).finish()
  const details = [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(info) }]
  return withDetails(code, Buffer.from(Status.encode({ code, message: 'message of the server', details }).finish()))
}

describe('status', () => {
  for (const reason of Object.keys(reasons) as Reason[]) {
    it(`carries ${reason} across`, () => {
      const sent = toGrpcStatus(new VaultError(reason), 'request-1')
      expect(sent.code).to.equal(kinds[reasons[reason].kind].grpc)
      expect(sent.details).to.equal(reasons[reason].message)
      expect(sent.metadata.get('x-request-id')).to.eql(['request-1'])
      const error = fromServiceError(received(sent))
      expect(error).to.include({ reason, message: reasons[reason].message, requestId: 'request-1' })
      expect(error.fields).to.eql([])
      expect(error.retryAfterMs).to.equal(undefined)
    })
  }

  it('carries message, fields and wait across', () => {
    const fields = [
      { field: 'user_id', description: 'must not be empty' },
      { field: 'data', description: 'is too large: “3 MiB” at most' },
    ]
    const error = passed(new VaultError('INVALID_REQUEST', { message: '100 % wrong: ü', fields, retryAfterMs: 61_250 }))
    expect(error).to.include({ message: '100 % wrong: ü', retryAfterMs: 61_250 })
    expect(error.fields).to.eql(fields)
  })

  it('sends a google.rpc.Status with standard types only', () => {
    const fields = [{ field: 'f', description: 'd' }]
    const { details } = toRpcStatus(new VaultError('OVERLOADED', { fields, retryAfterMs: 1 }), 'r')
    const types = ['ErrorInfo', 'RequestInfo', 'BadRequest', 'RetryInfo']
    expect(details.map(({ typeUrl }) => typeUrl)).to.eql(types.map((name) => `type.googleapis.com/google.rpc.${name}`))
  })

  for (const [ms, back] of [
    [0, 0],
    [999, 999],
    [999.6, 1000],
    [1000, 1000],
    [0.2, 1],
  ] as const) {
    it(`sends a wait of ${ms} ms as ${back} ms`, () => {
      expect(passed(new VaultError('STORE_FULL', { retryAfterMs: ms })).retryAfterMs).to.equal(back)
    })
  }

  it('never sends a cause', () => {
    const cause = new Error('inner sanctum')
    for (const error of [new VaultError('INTERNAL', { cause }), asVaultError(cause), asVaultError('inner sanctum')]) {
      const { code, details, metadata } = toGrpcStatus(error, 'r')
      const wire = [details, ...metadata.get('grpc-status-details-bin')].map((part) => part.toString('latin1')).join()
      expect(code).to.equal(codes.INTERNAL)
      expect(details).to.equal('internal error')
      expect(wire).to.not.include('sanctum')
    }
  })

  it('converts anything thrown to a VaultError with that cause', () => {
    const known = new VaultError('STORE_FULL')
    expect(asVaultError(known)).to.equal(known)
    for (const thrown of [new TypeError('t'), 'text', undefined, null, 7]) {
      expect(asVaultError(thrown)).to.include({ reason: 'INTERNAL', message: 'internal error', cause: thrown })
    }
  })

  it('sends malformed text, which grpc-js rejects', () => {
    const { details } = toGrpcStatus(new VaultError('INVALID_REQUEST', { message: 'a \ud800 b' }), 'r')
    expect(encodeURI(details)).to.include('%EF%BF%BD')
  })

  it('distinguishes an ended connection from a message that is too large', () => {
    const details = 'Bandwidth exhausted or memory limit exceeded' // as grpc-js has it for ENHANCE_YOUR_CALM
    const cause = received({ code: codes.RESOURCE_EXHAUSTED, details, metadata: new Metadata() })
    expect(fromServiceError(cause)).to.include({ reason: 'UNREACHABLE', cause })
  })

  it('recognises a connection that ended after a GOAWAY', () => {
    const details = 'Received RST_STREAM with code 0 (Call ended without gRPC status)' // test/e2e/import-export.e2e.ts
    const cause = received({ code: codes.INTERNAL, details, metadata: new Metadata() })
    expect(fromServiceError(cause)).to.include({ reason: 'UNREACHABLE', cause })
  })

  const bare: [keyof typeof codes, Reason][] = [
    ['UNAVAILABLE', 'UNREACHABLE'],
    ['CANCELLED', 'UNREACHABLE'],
    ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'],
    ['UNIMPLEMENTED', 'NOT_SUPPORTED'],
    ['INVALID_ARGUMENT', 'INVALID_REQUEST'],
    ['RESOURCE_EXHAUSTED', 'INVALID_REQUEST'],
    ['INTERNAL', 'INTERNAL'],
    ['UNKNOWN', 'INTERNAL'],
    ['NOT_FOUND', 'INTERNAL'],
    ['PERMISSION_DENIED', 'INTERNAL'],
    ['DATA_LOSS', 'INTERNAL'],
  ]
  for (const [code, reason] of bare) {
    it(`reads a bare ${code} as ${reason}, without the foreign text`, () => {
      const cause = received({ code: codes[code], details: 'foreign text', metadata: new Metadata() })
      const error = fromServiceError(cause)
      expect(error).to.include({ reason, cause, requestId: undefined })
      expect(error.message).to.not.include('foreign')
    })
    it(`reads a ${code} of a foreign domain as a bare one`, () => {
      const error = fromServiceError(withReason(codes[code], 'STORE_FULL', 'googleapis.com'))
      expect(error.reason).to.equal(reason)
      expect(error.message).to.not.equal('message of the server')
    })
  }

  it('reads a bare RESOURCE_EXHAUSTED as a message that is too large', () => {
    expect(fromServiceError(received({ code: codes.RESOURCE_EXHAUSTED })).message).to.include('larger')
  })

  it('reads a status without any metadata', () => {
    expect(fromServiceError(received({ code: codes.UNAVAILABLE })).reason).to.equal('UNREACHABLE')
  })

  const newer: [keyof typeof codes, Reason][] = [
    ['RESOURCE_EXHAUSTED', 'INTERNAL'],
    ['UNAVAILABLE', 'UNREACHABLE'],
    ['INVALID_ARGUMENT', 'INVALID_REQUEST'],
    ['NOT_FOUND', 'INTERNAL'],
  ]
  for (const [code, reason] of newer) {
    it(`reads a reason of a newer server by its code (${code}) and keeps its message`, () => {
      const error = fromServiceError(withReason(codes[code], 'NOT_YET_INVENTED'))
      expect(error).to.include({ reason, message: 'message of the server' })
    })
  }

  it('does not take an inherited name for a reason', () => {
    expect(fromServiceError(withReason(codes.NOT_FOUND, 'toString')).reason).to.equal('INTERNAL')
  })

  for (const [what, bytes] of [
    ['no protobuf', Buffer.from([0xff, 0xff, 0xff])],
    ['a broken detail', Buffer.from(Status.encode({ code: 5, message: 'm', details: [broken()] }).finish())],
  ] as const) {
    it(`reports an unreadable status when its details are ${what}`, () => {
      const error = fromServiceError(withDetails(codes.NOT_FOUND, bytes))
      expect(error).to.include({ reason: 'INTERNAL', message: 'the server sent an unreadable status' })
    })
  }

  it('reads details without ours, and empty ones, as bare', () => {
    const other = { typeUrl: 'type.googleapis.com/google.rpc.Help', value: Buffer.alloc(0) }
    const encoded = Status.encode({ code: 14, message: 'm', details: [other] }).finish()
    for (const bytes of [Buffer.from(encoded), Buffer.alloc(0)]) {
      expect(fromServiceError(withDetails(codes.UNAVAILABLE, bytes)).reason).to.equal('UNREACHABLE')
    }
  })
})

function broken() {
  return { typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from([0x0a, 0x7f]) }
}
