// The settings of the peer (RFC 9113 section 6.5.2) that limit what we send to it.
import {
  ConnectionError,
  defaultFrameSize,
  defaultWindow,
  errorCodes,
  maxFrameSize,
  maxWindow,
  settings,
} from './protocol.js'

const settingSize = 6
/** We send no larger frames, so that one stream does not delay the others. */
const maxSentFrameSize = 64 * 1024

/** The current settings of a peer. */
export class PeerSettings {
  initialWindow = defaultWindow
  maxFrameSize = defaultFrameSize

  /** Applies the payload of SETTINGS; returns the change of every stream's window. Throws ConnectionError. */
  apply(payload: Buffer): number {
    const before = this.initialWindow
    for (let at = 0; at < payload.length; at += settingSize) {
      this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
    }
    return this.initialWindow - before
  }

  #set(id: number, value: number): void {
    if (id === settings.enablePush) check(value <= 1, errorCodes.protocolError)
    if (id === settings.initialWindowSize) {
      check(value <= maxWindow, errorCodes.flowControlError)
      this.initialWindow = value
    }
    if (id === settings.maxFrameSize) {
      check(value >= defaultFrameSize && value <= maxFrameSize, errorCodes.protocolError)
      this.maxFrameSize = Math.min(value, maxSentFrameSize)
    }
  }
}

function check(isRight: boolean, code: number): void {
  if (!isRight) throw new ConnectionError(code, 'a setting out of its range')
}
