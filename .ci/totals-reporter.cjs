// mocha's usual report, and at its end one line of totals for .ci/run, in the file that the option `file` names:
// "<passed> <failed>". A test that is skipped has not passed.
const { appendFileSync } = require('node:fs')
const { reporters, Runner } = require('mocha')

module.exports = class TotalsReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = runner.stats
      appendFileSync(options.reporterOptions.file, `${passes} ${failures + pending}\n`)
    })
  }
}
