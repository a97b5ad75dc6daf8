import { expect } from 'chai'
import { releaseAll } from '../../fake-frontend.js'
import { fuzzConnection } from './connection.js'
import { fuzzedServer } from './server.js'

const connections = 200

describe('http2 fuzzing', () => {
  afterEach(releaseAll)

  it('a connection in memory acts the same however its input is cut, and sends valid frames', async () => {
    let answers = 0
    for (let seed = 1; seed <= connections; seed += 1) answers += await fuzzConnection(seed)
    expect(answers).to.be.above(250) // else the connections ended too early to show anything
  })

  it('a server over TCP logs no error and still serves other callers', async () => {
    const server = await fuzzedServer()
    let answers = 0
    for (let seed = 1; seed <= connections; seed += 1) {
      answers += await server.attack(seed)
      if (seed % 20 === 0) await server.check()
    }
    expect(answers).to.be.above(250)
  })
})
