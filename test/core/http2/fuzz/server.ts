// Fuzzes the gRPC server over TCP: no input makes it log an error, and other callers are still served.
import { expect } from 'chai'
import type { Logger } from '../../../../src/core/log/log.js'
import { retrieve, serveFake } from '../../fake-frontend.js'
import { pause, WireClient } from '../wire-client.js'
import { types } from '../wire-frames.js'
import { connectionFrames, cut } from './frames.js'
import { random } from './random.js'

const framesEach = 60

/** A server that is fuzzed; it runs until the resources of the test are released. */
export interface FuzzedServer {
  /** Sends the connection of a seed; returns how many HEADERS came back. Rejects with the input if the server fails. */
  attack(seed: number): Promise<number>
  /** Rejects if a call of another client fails, or the server has logged an error. */
  check(): Promise<void>
}

/** Starts a server. */
export async function fuzzedServer(): Promise<FuzzedServer> {
  const errors: unknown[] = []
  const keep = (...line: unknown[]) => void errors.push(line)
  const warn = () => undefined // such as a stop on a busy machine, which aborts calls
  const log = { log: (level: string, ...line: unknown[]) => level === 'error' && keep(line), error: keep, warn }
  const { address } = await serveFake({ log: log as unknown as Logger, limits: { drainMs: 50 } })

  async function attack(seed: number): Promise<number> {
    const next = random(seed)
    const input = Buffer.concat(connectionFrames(next, framesEach, 0))
    const wire = new WireClient(address)
    for (const piece of cut(next, input)) {
      wire.send(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await pause(2)
    wire.socket.destroy()
    if (errors.length > 0)
      throw new Error(`the server at seed ${seed} logs ${JSON.stringify(errors)}\ninput: ${input.toString('hex')}`)
    return wire.received.filter(({ type }) => type === types.headers).length
  }

  async function check(): Promise<void> {
    expect((await retrieve(address)).data).to.have.length(0)
    await pause(50)
    expect(errors).to.eql([])
  }

  return { attack, check }
}
