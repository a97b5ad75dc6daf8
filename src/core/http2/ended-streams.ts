// Streams that are over, the last thousand: a frame for one that we have ended may have been on its way, a frame for one
// that its peer has ended is a mistake.
import { ConnectionError, errorCodes } from './protocol.js'

const maxRemembered = 1024

export class EndedStreams {
  /** Whether it was us who ended it. */
  readonly #byUs = new Map<number, boolean>()

  add(streamId: number, byUs: boolean): void {
    this.#byUs.set(streamId, byUs)
    if (this.#byUs.size <= maxRemembered) return
    for (const oldest of this.#byUs.keys()) {
      this.#byUs.delete(oldest)
      return
    }
  }

  /** Throws ConnectionError unless a frame for that stream, which is not open, may have been on its way. */
  check(streamId: number): void {
    const byUs = this.#byUs.get(streamId)
    if (byUs === true) return
    const code = byUs === undefined ? errorCodes.protocolError : errorCodes.streamClosed
    throw new ConnectionError(code, `stream ${streamId} is not open`)
  }
}
