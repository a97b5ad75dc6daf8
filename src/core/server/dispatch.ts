// Turns a request into a call of a gRPC method, or refuses it: a request that is not gRPC with an HTTP status, an unknown
// method or an unreadable header with a gRPC status.
import { VaultError } from '../errors.js'
import { requestIdKey, requestIdOf } from '../request-id.js'
import { asVaultError, toGrpcStatus } from '../status.js'
import type { RequestHeaders, TransportStream } from '../transport.js'
import { checkEncoding, deadlineOf, httpRefusal, httpStatus } from './grpc-fields.js'
import { IncomingCall } from './incoming-call.js'
import type { MemoryBudget } from './memory-budget.js'
import type { OpenCalls } from './open-calls.js'
import type { CallHandler } from './unary-handler.js'
import type { UnsentBudget } from './unsent-budget.js'

/** What the calls of a server share. */
export interface CallTargets {
  /** Handlers by the path of their method. */
  handlers: ReadonlyMap<string, CallHandler>
  maxReceiveBytes: number
  budget: MemoryBudget
  unsentBudget: UnsentBudget
  openCalls: Pick<OpenCalls, 'open'>
}

/** Calls the handler that the request names, or refuses the request. */
export function dispatch(targets: CallTargets, stream: TransportStream, headers: RequestHeaders): void {
  const refusal = httpRefusal(headers)
  if (refusal === undefined) dispatchGrpc(targets, stream, headers)
  else stream.finish(httpStatus(refusal))
}

function dispatchGrpc(
  { handlers, maxReceiveBytes, budget, unsentBudget, openCalls }: CallTargets,
  stream: TransportStream,
  headers: RequestHeaders,
): void {
  const requestId = headers.get(requestIdKey)
  const call = new IncomingCall({ stream, requestId, maxReceiveBytes, budget, unsentBudget })
  refusing(call, () => {
    checkEncoding(headers)
    call.deadline = deadlineOf(headers)
    const handle = handlerOf(handlers, headers)
    openCalls.open(call, () => refusing(call, () => handle(call)))
  })
}

/** Refuses the call with the error that `work` throws. */
function refusing(call: IncomingCall, work: () => void): void {
  try {
    work()
  } catch (thrown) {
    call.refuse(toGrpcStatus(asVaultError(thrown), requestIdOf(call.requestId)))
  }
}

function handlerOf(handlers: CallTargets['handlers'], headers: RequestHeaders): CallHandler {
  const handler = handlers.get(headers.get(':path') ?? '')
  if (handler === undefined) throw new VaultError('NOT_SUPPORTED', { message: 'this server has no such method' })
  return handler
}
