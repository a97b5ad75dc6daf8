// The two directions of a stream in a server: requests as they are asked for, answers as their reader takes them.
import type { ServerDuplexStream, ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js'
import { orAbort } from './or-abort.js'
import type { Frame } from './serving.js'

/** What waits for a slow reader before the method does: this much, or one larger frame. */
const maxUnsentBytes = 256 * 1024
/** What is read before it is asked for: this much, and one more message. */
const maxUnreadBytes = 1024 * 1024
const frameOverhead = 64

type Incoming = ServerDuplexStream<Frame, Frame> | ServerReadableStream<Frame, Frame>
type Outgoing = Pick<ServerDuplexStream<Frame, Frame> | ServerWritableStream<Frame, Frame>, 'write'>

/** Sends frames; what it returns resolves when there is room for another. */
export function sender(stream: Outgoing, sent: () => void, signal: AbortSignal) {
  let unsentBytes = 0
  let room = (): void => undefined
  return (frame: Frame): Promise<void> | undefined => {
    const bytes = frame.length + frameOverhead
    unsentBytes += bytes
    stream.write(frame, () => {
      unsentBytes -= bytes
      sent()
      if (unsentBytes <= maxUnsentBytes) room()
    })
    if (unsentBytes <= maxUnsentBytes) return undefined
    const freed = new Promise<void>((resolve) => {
      room = resolve
    })
    return orAbort(freed, signal)
  }
}

interface Reading {
  received(frame: Frame): unknown
  /** Told what is awaited of the caller. */
  during?<T>(awaited: Promise<T>): Promise<T>
}

/** The requests, until their caller has sent all. At most 16 are read ahead of whoever asks, and fewer if they are large. */
export async function* messages(
  stream: Incoming,
  { received, during = (awaited) => awaited }: Reading,
  signal: AbortSignal,
) {
  const taken = boundUnread(stream)
  const frames = stream.iterator({ destroyOnReturn: false }) // the answers go on when nobody reads any more
  for (;;) {
    const next = await during(orAbort(frames.next(), signal))
    if (next.done) return await orAbort(cancellationSeen(), signal)
    taken(next.value)
    yield received(next.value)
  }
}

/** grpc-js reads 16 messages ahead, of whatever size: here it waits while they are too much. To be told what is taken. */
function boundUnread(stream: Incoming): (frame: Frame) => void {
  const push = stream.push.bind(stream)
  const read = stream._read.bind(stream)
  let unreadBytes = 0
  let held = false
  stream.push = (frame: Frame | null) => {
    unreadBytes += frame?.length ?? 0
    return push(frame)
  }
  stream._read = (size) => {
    held = unreadBytes >= maxUnreadBytes
    if (!held) read(size)
  }
  return (frame) => {
    unreadBytes -= frame.length
    if (held) stream._read(1)
  }
}

/** A caller that goes first looks like one that has sent all; grpc-js says otherwise two turns later. */
async function cancellationSeen(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
