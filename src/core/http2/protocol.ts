// The numbers of HTTP/2 (RFC 9113) and the two ways in which it goes wrong.

/** Section 6. */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const flags = { none: 0, endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const

/** Section 6.5.2. */
export const settings = {
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const

/** Section 7. */
export const errorCodes = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** The largest payload taken, and sent unless the peer takes larger ones: what every peer takes (section 4.2). */
export const defaultFrameSize = 16_384
export const largestFrameSize = 2 ** 24 - 1

/** What may be sent before the first WINDOW_UPDATE (section 6.9.2). */
export const defaultWindow = 65_535
export const largestWindow = 2 ** 31 - 1

/** Ends the connection, with GOAWAY (section 5.4.1). */
export class ConnectionError extends Error {
  readonly code: number

  /** The message goes to the peer and into the log: no word of the peer's. */
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** Ends one stream, with RST_STREAM (section 5.4.2). */
export class StreamError extends Error {
  readonly streamId: number
  readonly code: number

  constructor(streamId: number, code: number) {
    super(`stream ${streamId} is reset with ${code}`)
    this.streamId = streamId
    this.code = code
  }
}
