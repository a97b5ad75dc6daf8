// h2spec, a conformance test for HTTP/2 servers: a program in Go, built from the versions that test/servers/h2spec pins.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

const project = fileURLToPath(new URL('./h2spec', import.meta.url))
const program = fileURLToPath(new URL('../../node_modules/.cache/h2spec', import.meta.url))

export interface SpecCase {
  /** Suite, section and what is sent. */
  name: string
  /** What went wrong; undefined if it passed or does not apply. */
  failure: string | undefined
}

/** Whether there is a Go that can build it. */
export function hasGo(): Promise<boolean> {
  return run('go', ['list', '-m'], { cwd: project }).then(
    () => true,
    () => false,
  )
}

/** Needs the network once; from then on Go has in its own folders what it needs. */
export async function buildH2spec(): Promise<void> {
  await run('go', ['build', '-o', program, 'github.com/summerwind/h2spec/cmd/h2spec'], { cwd: project })
}

/** Runs all its suites against a server without TLS. */
export async function runH2spec(port: number): Promise<SpecCase[]> {
  const folder = mkdtempSync(join(tmpdir(), 'enc-server-h2spec-'))
  const report = join(folder, 'report.xml')
  try {
    const args = ['--port', String(port), '--timeout', '10', '--junit-report', report]
    await once(spawn(program, args, { stdio: 'ignore' }), 'close')
    return casesOf(readFileSync(report, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function casesOf(report: string): SpecCase[] {
  const cases = report.matchAll(/<testcase package="(.*?)" classname="(.*?)".*?>(.*?)<\/testcase>/gs)
  return [...cases].map(([, section, sent, outcome]) => ({
    name: `${section} ${sent}`,
    failure: /<(?:failure|error)>(.*?)<\//s.exec(outcome!)?.[1],
  }))
}
