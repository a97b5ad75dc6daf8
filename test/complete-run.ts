// Fixtures of mocha's main process: a run that does not come to its end fails. A worker that dies while it has no test
// file, of an error that a finished file left behind, would otherwise end the run with exit code 0.
let isComplete = false

/** Runs before the first test. */
export function mochaGlobalSetup(): void {
  process.once('exit', (code) => {
    if (isComplete || code !== 0) return
    process.stderr.write('the run has not come to its end: a worker died after its last test file\n')
    process.exitCode = 1
  })
}

/** Runs after the last test. */
export function mochaGlobalTeardown(): void {
  isComplete = true
}
