// Constants of HTTP/2 (RFC 9113) and its three kinds of protocol error.

/** Frame types (section 6). */
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

/** Frame flags (section 6). */
export const flags = { none: 0, endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const

/** Identifiers in SETTINGS (section 6.5.2). */
export const settings = {
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const

/** Error codes of RST_STREAM and GOAWAY (section 7). */
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

/** The first bytes of a client (section 3.4). */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** The largest frame payload we accept, and the largest we send until a peer allows more (section 4.2). */
export const defaultFrameSize = 16_384
/** The largest frame payload a peer can allow (section 6.5.2). */
export const maxFrameSize = 2 ** 24 - 1

/** Bytes that may be sent before the first WINDOW_UPDATE (section 6.9.2). */
export const defaultWindow = 65_535
/** The largest flow-control window (section 6.9.1). */
export const maxWindow = 2 ** 31 - 1

/** Closes the connection with GOAWAY (section 5.4.1). */
export class ConnectionError extends Error {
  readonly code: number

  /** The message goes to the peer and to the log, so it must not contain the peer's own words. */
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** Ends one stream with RST_STREAM (section 5.4.2). */
export class StreamError extends Error {
  readonly streamId: number
  readonly code: number

  constructor(streamId: number, code: number) {
    super(`stream ${streamId} is reset with ${code}`)
    this.streamId = streamId
    this.code = code
  }
}

/**
 * A header block that cannot be decoded. It closes the connection with COMPRESSION_ERROR, as the dynamic table no longer
 * matches the peer's (section 4.3).
 */
export class CompressionError extends Error {
  override readonly name = 'CompressionError'
}
