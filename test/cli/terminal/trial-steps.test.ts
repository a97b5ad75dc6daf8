import { expect } from 'chai'
import { assertSameBytes, trialSteps } from '../../../src/cli/terminal/trial-steps.js'
import { fakeTerminal } from '../fake-terminal.js'

describe('trial', () => {
  const compare = (found: string, expected: string) => () => assertSameBytes(Buffer.from(found), Buffer.from(expected))

  it('says what differs', () => {
    expect(compare('PAYLOADS', 'PAYLOADS')).not.to.throw()
    expect(compare('PAYLOAD', 'PAYLOADS')).to.throw(/^stored 8 bytes, retrieved 7$/)
    expect(compare('PAYMOADS', 'PAYLOADS')).to.throw(/^stored 0x4c at byte 3, retrieved 0x4d$/)
  })

  it('prints a line for a step that fails, and passes the error on', async () => {
    const terminal = fakeTerminal([])
    const step = trialSteps({ terminal, signal: new AbortController().signal })
    const failing = step('store', () => Promise.reject(new Error('no')), String)
    expect(await failing.catch((error) => error.message)).to.equal('no')
    expect(terminal.printed().stdout).to.match(/^ {2}store {5}FAILED +\d+\.\d ms\n$/)
  })
})
