// What the peer has said of itself in SETTINGS (RFC 9113 section 6.5.2), as far as it matters to whoever sends to it.
import {
  ConnectionError,
  defaultFrameSize,
  defaultWindow,
  errorCodes,
  largestFrameSize,
  largestWindow,
  settings,
} from './protocol.js'

const pairSize = 6
/** One frame is not to hold all others up. */
const mostFrameSize = 64 * 1024

export class PeerSettings {
  initialWindow = defaultWindow
  maxFrameSize = defaultFrameSize

  /** Takes over what a payload says; returns by how much the window of every stream has changed. */
  apply(payload: Buffer): number {
    const before = this.initialWindow
    for (let at = 0; at < payload.length; at += pairSize) {
      this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
    }
    return this.initialWindow - before
  }

  #set(id: number, value: number): void {
    if (id === settings.enablePush) check(value <= 1, errorCodes.protocolError)
    if (id === settings.initialWindowSize) {
      check(value <= largestWindow, errorCodes.flowControlError)
      this.initialWindow = value
    }
    if (id === settings.maxFrameSize) {
      check(value >= defaultFrameSize && value <= largestFrameSize, errorCodes.protocolError)
      this.maxFrameSize = Math.min(value, mostFrameSize)
    }
  }
}

function check(right: boolean, code: number): void {
  if (!right) throw new ConnectionError(code, 'a setting out of its range')
}
