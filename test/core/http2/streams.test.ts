import { expect } from 'chai'
import { StreamError } from '../../../src/core/http2/protocol.js'
import type { Sender } from '../../../src/core/http2/sender.js'
import type { Stream } from '../../../src/core/http2/stream.js'
import { Streams } from '../../../src/core/http2/streams.js'
import { promotedBytes } from '../../promoted.js'

const nothing = () => undefined
const sender = { reset: nothing, removeWaiting: nothing, peer: { initialWindow: 65_535 } } as unknown as Sender
const cancel = 8

function streamsOf(onEmpty: () => void = nothing): Streams {
  return new Streams({ sender, maxStreams: 100, onSuccess: nothing, onEmpty })
}

describe('streams of a connection', () => {
  it('lists the open streams, the oldest first', () => {
    const streams = streamsOf()
    const [first, second, third] = [1, 3, 5].map((id) => streams.open(id, undefined)) as [Stream, Stream, Stream]
    second.reset(cancel)
    expect(streams.all).to.deep.equal([first, third])
    expect([streams.find(1), streams.find(3)]).to.deep.equal([first, undefined])
    expect(streams.isEmpty).to.equal(false)
  })

  it('reports when the last open stream ends, and not before', () => {
    let emptied = 0
    const streams = streamsOf(() => {
      emptied += 1
    })
    const opened = [1, 3].map((id) => streams.open(id, undefined))
    for (const [at, stream] of opened.entries()) {
      stream.reset(cancel)
      stream.reset(cancel)
      expect(emptied).to.equal(at)
    }
    expect(streams.isEmpty).to.equal(true)
  })

  it('refuses streams above the limit until others have ended', () => {
    const streams = streamsOf()
    for (let id = 1; id < 200; id += 2) streams.open(id, undefined)
    expect(() => streams.admit(201)).to.throw(StreamError)
    streams.find(1)?.reset(cancel)
    streams.admit(203)
  })

  it('promotes nothing of an ended stream to old memory', () => {
    expect(promotedBytes('streams')).to.be.below(100)
  })
})
