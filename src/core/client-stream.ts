// Streaming calls. They are never made again: only their caller knows what to do with half of one.
import { once } from 'node:events'
import type { ClientDuplexStream, ClientReadableStream, MethodDefinition, ServiceError } from '@grpc/grpc-js'
import type { CallContext } from './methods.js'
import { failureOf, metadataOf, type OpenClient, type OutgoingCall, refusalOf } from './open-client.js'

type StreamMethod = MethodDefinition<unknown, unknown>
type Answers = ClientReadableStream<unknown>
type Bidi = ClientDuplexStream<unknown, unknown>

/** A server stream, or a bidirectional one; `request` is then an async iterable. Leaving the loop cancels the call. */
export async function* callStream(open: OpenClient, method: StreamMethod, { request, context }: OutgoingCall) {
  const refusal = refusalOf(open, context.signal)
  if (refusal) throw refusal
  const sending = new AbortController()
  const call = method.requestStream
    ? startBidi(open, method, context)
    : startServerStream(open, method, { request, context })
  const sent = method.requestStream
    ? sendAll(call as Bidi, request as AsyncIterable<unknown>, sending.signal)
    : undefined
  const cancel = () => call.cancel()
  context.signal.addEventListener('abort', cancel, { once: true })
  open.calls.add(call)
  try {
    yield* answersOf(call, sent)
  } catch (error) {
    throw isServiceError(error) ? failureOf(open, context.signal, error) : error
  } finally {
    sending.abort()
    context.signal.removeEventListener('abort', cancel)
    open.calls.delete(call)
    call.cancel()
  }
}

function startServerStream(open: OpenClient, method: StreamMethod, { request, context }: OutgoingCall): Answers {
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

/** The answers, and the failure of the requests' own source if that is what ended them. */
async function* answersOf(call: Answers, sent: Promise<void> | undefined) {
  let failed: { cause: unknown } | undefined
  sent?.catch((cause: unknown) => {
    failed = { cause }
    call.cancel()
  })
  try {
    for await (const answer of call) yield answer
  } catch (error) {
    throw failed ? failed.cause : error
  }
}

async function sendAll(call: Bidi, requests: AsyncIterable<unknown>, signal: AbortSignal): Promise<void> {
  for await (const request of requests) {
    if (signal.aborted) return
    if (!call.write(request)) await once(call, 'drain', { signal }).catch(() => undefined)
  }
  if (!signal.aborted) call.end()
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === 'number'
}
