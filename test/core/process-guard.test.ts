import { expect } from 'chai'
import { revealingOption } from '../../src/core/process-guard.js'

describe('process guard', () => {
  const revealing = {
    '--inspect': ['--inspect'],
    '--inspect-brk': ['--no-warnings', '--inspect-brk=0.0.0.0:1'],
    '--heapsnapshot-signal': ['--heapsnapshot-signal=SIGUSR2'],
    '--heapsnapshot-near-heap-limit': ['--heapsnapshot-near-heap-limit=3'],
    '--heap_prof': ['--heap_prof'],
    '--report-on-signal': ['--report-on-signal'],
  }
  for (const [name, options] of Object.entries(revealing)) {
    it(`finds ${name} among options and in NODE_OPTIONS`, () => {
      expect(revealingOption(options)).to.equal(name)
      expect(revealingOption([], options.join(' '))).to.equal(name)
    })
  }

  it('finds nothing in other options', () => {
    expect(revealingOption(['--max-old-space-size=4096', '--import', './--inspect.js'], '--no-warnings')).to.equal(
      undefined,
    )
  })
})
