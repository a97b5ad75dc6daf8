import { expect } from 'chai'
import { transferPlaces } from '../../../src/frontend/vault/transfer-places.js'

describe('places of transfers', () => {
  const one = { connection: {} }
  const other = { connection: {} }

  it('are half for one connection, and the other half for others', async () => {
    const places = transferPlaces(4)
    const leave = [places.enter(one), places.enter(one)]
    expect(() => places.enter(one))
      .to.throw('this connection has 2 transfers')
      .with.property('reason', 'OVERLOADED')
    leave.push(places.enter(other), places.enter(other))
    expect(() => places.enter({ connection: {} }))
      .to.throw('too many calls')
      .with.property('retryAfterMs', 1_000)
    leave[0]?.()
    leave[0]?.() // once
    expect(() => places.enter(other)).to.throw('this connection has 2 transfers')
    leave.push(places.enter(one))
    for (const each of leave) each()
    await places.idle()
  })

  it('are at least one for each connection', () => {
    expect(transferPlaces(1).enter(one)).to.be.a('function')
  })
})
