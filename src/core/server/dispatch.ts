// A request on a connection becomes a call of a method, or is refused: what is no gRPC by HTTP's status, what has no method
// or cannot be read by gRPC's.
import { VaultError } from '../errors.js'
import type { RequestFields } from '../http2/request-fields.js'
import type { Stream } from '../http2/stream.js'
import { requestIdKey, requestIdOf } from '../request-id.js'
import { asVaultError, toGrpcStatus } from '../status.js'
import { checkEncoding, deadlineOf, httpRefusal, httpStatus } from './grpc-fields.js'
import { IncomingCall } from './incoming-call.js'
import type { MemoryBudget } from './memory-budget.js'
import type { CallHandler } from './unary-handler.js'

export interface CallTargets {
  /** By the path of their method. */
  handlers: ReadonlyMap<string, CallHandler>
  maxReceiveBytes: number
  budget: MemoryBudget
}

export function dispatch(targets: CallTargets, stream: Stream, fields: RequestFields): void {
  const refusal = httpRefusal(fields)
  if (refusal === undefined) answerGrpc(targets, stream, fields)
  else stream.finish(httpStatus(refusal))
}

function answerGrpc({ handlers, maxReceiveBytes, budget }: CallTargets, stream: Stream, fields: RequestFields): void {
  const requestId = fields.get(requestIdKey)
  const call = new IncomingCall({ stream, requestId, maxReceiveBytes, budget })
  try {
    checkEncoding(fields)
    call.deadline = deadlineOf(fields)
    handlerOf(handlers, fields)(call)
  } catch (thrown) {
    call.refuse(toGrpcStatus(asVaultError(thrown), requestIdOf(requestId)))
  }
}

function handlerOf(handlers: CallTargets['handlers'], fields: RequestFields): CallHandler {
  const handler = handlers.get(fields.get(':path') ?? '')
  if (handler === undefined) throw new VaultError('NOT_SUPPORTED', { message: 'this server has no such method' })
  return handler
}
