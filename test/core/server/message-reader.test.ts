import { expect } from 'chai'
import { MessageReader } from '../../../src/core/server/message-reader.js'

const maxBytes = 1000

function encoded(...messages: Buffer[]): Buffer {
  const pieces = messages.flatMap((message) => {
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(message.length, 1)
    return [prefix, message]
  })
  return Buffer.concat(pieces)
}

/** Everything that can be read when the bytes come in pieces of that size. */
function readInPieces(bytes: Buffer, size: number): Buffer[] {
  const reader = new MessageReader(maxBytes)
  const messages: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) {
    reader.push(bytes.subarray(at, at + size))
    while (reader.isWhole()) messages.push(reader.take())
  }
  expect(reader.bytes).to.equal(0)
  return messages
}

describe('message reader', () => {
  const messages = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(maxBytes, 7), Buffer.from('last')]

  for (const size of [1, 2, 3, 5, 7, 64, 1001, 5000]) {
    it(`reads messages that come in pieces of ${size} bytes`, () => {
      expect(readInPieces(encoded(...messages), size)).to.deep.equal(messages)
    })
  }

  it('keeps unread messages as the bytes in which they arrived', () => {
    const reader = new MessageReader(maxBytes)
    const bytes = encoded(...Array.from({ length: 10_000 }, () => Buffer.from('x')))
    for (let at = 0; at < bytes.length; at += 1) reader.push(bytes.subarray(at, at + 1))
    expect(reader.bytes).to.equal(60_000)
    let count = 0
    for (; reader.isWhole(); count += 1) expect(reader.take().toString()).to.equal('x')
    expect(count).to.equal(10_000)
  })

  it('rejects a message that is too large before its end, and a compressed one', () => {
    const large = new MessageReader(maxBytes)
    large.push(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]))
    expect(() => large.isWhole()).to.throw('a message of 4294967295 bytes is larger than the 1000 that are accepted')
    const compressed = new MessageReader(maxBytes)
    compressed.push(Buffer.from([1, 0, 0, 0, 0]))
    expect(() => compressed.isWhole()).to.throw('compressed messages are not supported')
  })
})
