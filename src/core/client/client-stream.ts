// Streaming calls. They are never retried: only the caller knows how to continue after a part of a stream.
import type { ClientDuplexStream, ClientReadableStream, MethodDefinition, ServiceError } from '@grpc/grpc-js'
import type { CallContext } from '../methods.js'
import { failureOf, metadataOf, type OpenClient, type OutgoingCall, refusalOf } from './open-client.js'
import { sendRequests } from './send-requests.js'

type StreamMethod = MethodDefinition<unknown, unknown>
type Responses = ClientReadableStream<unknown>
type Bidi = ClientDuplexStream<unknown, unknown>

/** Yields the responses of a stream. `request` is an async iterable for a bidirectional one. Leaving the loop cancels the call. */
export async function* callStream(open: OpenClient, method: StreamMethod, { request, context }: OutgoingCall) {
  const refusal = refusalOf(open, context.signal)
  if (refusal) throw refusal
  const call = method.requestStream
    ? startBidi(open, method, context)
    : startServerStream(open, method, { request, context })
  const sending = method.requestStream ? sendRequests(call as Bidi, request as AsyncIterable<unknown>) : undefined
  const cancel = () => call.cancel()
  context.signal.addEventListener('abort', cancel, { once: true })
  open.calls.add(call)
  let isComplete = false
  try {
    for await (const response of call) yield response
    if (sending?.failure() !== undefined) throw sending.failure()
    isComplete = true
  } catch (error) {
    throw sending?.failure() ?? (isServiceError(error) ? failureOf(open, context.signal, error) : error)
  } finally {
    sending?.stop()
    context.signal.removeEventListener('abort', cancel)
    open.calls.delete(call)
    if (!isComplete) call.cancel()
  }
}

function startServerStream(open: OpenClient, method: StreamMethod, { request, context }: OutgoingCall): Responses {
  const { path, requestSerialize, responseDeserialize } = method
  const options = { deadline: context.deadline }
  return open.client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    metadataOf(context),
    options,
  )
}

function startBidi(open: OpenClient, method: StreamMethod, context: CallContext): Bidi {
  const { path, requestSerialize, responseDeserialize } = method
  const options = { deadline: context.deadline }
  return open.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadataOf(context), options)
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === 'number'
}
