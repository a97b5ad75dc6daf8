import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import { VaultError } from '../../../src/core/errors.js'
import type { CallContext } from '../../../src/core/methods.js'
import { readAhead } from '../../../src/frontend/read/read-ahead.js'
import { reasonOf } from '../refusal.js'

describe('read ahead', () => {
  it('yields in order for any order of arrival, with a bounded number ahead', async () => {
    let begun = 0
    const fetch = async (piece: number) => {
      begun += 1
      await new Promise((resolve) => setTimeout(resolve, piece % 2 === 0 ? 15 : 1))
      return piece * 10
    }
    const seen: [number, number][] = []
    for await (const pair of readAhead([0, 1, 2, 3, 4, 5], { ahead: 2, fetch }, newCall())) {
      expect(begun).to.be.at.most(pair[0] + 3)
      seen.push(pair)
    }
    expect(seen).to.deep.equal([0, 1, 2, 3, 4, 5].map((piece) => [piece, piece * 10]))
  })

  it('of nothing yields nothing', async () => {
    for await (const _ of readAhead([], { ahead: 2, fetch: async () => 1 }, newCall())) expect.fail('nothing was there')
  })

  it('fails when the failed item is due, and leaves no rejection unhandled', async () => {
    const unhandled: unknown[] = []
    const seen = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', seen)
    const fetch = async (piece: number) => {
      if (piece > 0) throw new VaultError('RECORD_CORRUPT')
      return piece
    }
    const got: number[] = []
    const reading = async () => {
      for await (const [piece] of readAhead([0, 1, 2, 3], { ahead: 2, fetch }, newCall())) got.push(piece)
    }
    expect(await reasonOf(reading())).to.equal('RECORD_CORRUPT')
    expect(got).to.deep.equal([0])
    await new Promise((resolve) => setTimeout(resolve, 10))
    process.off('unhandledRejection', seen)
    expect(unhandled).to.deep.equal([])
  })

  it('cancels pending fetches when its reader leaves, and leaves no listener on the call', async () => {
    const calls: CallContext[] = []
    const fetch = async (piece: number, call: CallContext) => {
      calls.push(call)
      return piece
    }
    const call = newCall({ signal: new AbortController().signal })
    for await (const _ of readAhead([0, 1, 2, 3], { ahead: 1, fetch }, call)) break
    expect(calls).to.have.length(2)
    expect(calls.every(({ signal }) => signal.aborted)).to.equal(true)
    expect(getEventListeners(call.signal, 'abort')).to.deep.equal([])
  })
})
