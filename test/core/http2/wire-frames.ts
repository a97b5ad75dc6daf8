// HTTP/2 frames as bytes, valid or not, for tests that write frames themselves (RFC 9113 section 6).

export const types = {
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

export const flags = { none: 0, endStream: 1, ack: 1, endHeaders: 4, padded: 8 } as const

export const codes = {
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

export type Place = readonly [streamId: number, flags?: number]

export function frame(type: number, [streamId, set = flags.none]: Place, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = set
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

export function u32(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4)
  numbers.forEach((number, at) => void bytes.writeUInt32BE(number, at * 4))
  return bytes
}

/** SETTINGS from pairs of identifier and value. */
export function settings(pairs: readonly (readonly [id: number, value: number])[] = []): Buffer {
  const payload = Buffer.concat(pairs.map(([id, value]) => Buffer.concat([u32(id).subarray(2), u32(value)])))
  return frame(types.settings, [0], payload)
}

/** Settings that tests use. */
export const maxConcurrentStreams = 3
export const initialWindow = 4

/** The value of a setting in the payload of SETTINGS. */
export function settingIn(payload: Buffer, id: number): number | undefined {
  for (let at = 0; at < payload.length; at += 6)
    if (payload.readUInt16BE(at) === id) return payload.readUInt32BE(at + 2)
  return undefined
}

export const windowUpdate = (streamId: number, bytes: number) => frame(types.windowUpdate, [streamId], u32(bytes))
export const reset = (streamId: number, code: number = codes.cancel) => frame(types.rstStream, [streamId], u32(code))
export const ping = (set: number = flags.none) => frame(types.ping, [0, set], Buffer.alloc(8, 'p'))
export const priority = (streamId: number) => frame(types.priority, [streamId], Buffer.alloc(5))

/** A gRPC message: its flag, its length, its bytes. */
export function message(bytes: Buffer = Buffer.alloc(0), compressed = 0): Buffer {
  return Buffer.concat([Buffer.from([compressed]), u32(bytes.length), bytes])
}

export function data(place: Place, bytes: Buffer = message()): Buffer {
  return frame(types.data, place, bytes)
}

/** DATA frames of the default size that end a stream. */
export function lastData(streamId: number, bytes: Buffer): Buffer {
  const frames = pieces(bytes).map((piece, at, all) =>
    data([streamId, at === all.length - 1 ? flags.endStream : 0], piece),
  )
  return Buffer.concat(frames)
}

/** A header block in HEADERS and the CONTINUATION frames it needs. */
export function headerFrames([streamId, set = flags.none]: Place, bytes: Buffer): Buffer {
  const frames = pieces(bytes).map((piece, at, all) => {
    const end = at === all.length - 1 ? flags.endHeaders : flags.none
    return at === 0
      ? frame(types.headers, [streamId, set | end], piece)
      : frame(types.continuation, [streamId, end], piece)
  })
  return Buffer.concat(frames)
}

function pieces(bytes: Buffer): Buffer[] {
  const count = Math.max(1, Math.ceil(bytes.length / 16_384))
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * 16_384, (at + 1) * 16_384))
}

export type Fields = Record<string, string>

/** Fields as HPACK literals without indexing (RFC 7541 section 6.2.2), of any length. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(Object.entries(fields).map(([name, value]) => literal(0, name, value)))
}

/** A literal that enters the table (section 6.2.1), with index 62 until the next one. */
export function entry(name: string, value: string): Buffer {
  return literal(0x40, name, value)
}

function literal(kind: number, name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([kind]), text(name), text(value)])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length), bytes])
}

/** An integer of a 7-bit prefix (section 5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}
