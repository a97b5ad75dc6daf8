import { expect } from 'chai'
import { assertSameBytes, trialSteps } from '../../../src/cli/terminal/trial-steps.js'
import { fakeTerminal } from '../fake-terminal.js'

describe('trial', () => {
  const messageOf = (found: string, expected: string) =>
    assertSameBytes(Buffer.from(found), Buffer.from(expected)).then(
      () => 'the same',
      (error) => error.message,
    )

  it('says what differs', async () => {
    expect(await messageOf('PAYLOADS', 'PAYLOADS')).to.equal('the same')
    expect(await messageOf('PAYLOAD', 'PAYLOADS')).to.equal('8 bytes went in, 7 came out')
    expect(await messageOf('PAYMOADS', 'PAYLOADS')).to.equal('byte 3 came out as 0x4d, and went in as 0x4c')
  })

  it('prints a line for a step that fails, and passes the error on', async () => {
    const terminal = fakeTerminal([])
    const step = trialSteps({ terminal, signal: new AbortController().signal })
    const failing = step('store', () => Promise.reject(new Error('no')), String)
    expect(await failing.catch((error) => error.message)).to.equal('no')
    expect(terminal.printed().stdout).to.match(/^ {2}store {5}FAILED +\d+\.\d ms\n$/)
  })
})
