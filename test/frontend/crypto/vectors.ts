// The vector files of test/vectors, read whole. A caller says how many tests it expects to run, so that none is lost.
import { readFileSync } from 'node:fs'
import { expect } from 'chai'

/** A test as the files have it; every member is a string unless a file says otherwise. */
export interface Vector {
  tcId: number
  comment: string
  result: string
  // biome-ignore lint/suspicious/noExplicitAny: the files hold many shapes, each known to the test that reads it
  [member: string]: any
}

interface VectorGroup {
  type: string
  tests: Vector[]
  [member: string]: unknown
}

export interface VectorFile {
  numberOfTests: number
  testGroups: VectorGroup[]
}

export function vectorFile(name: string): VectorFile {
  const path = new URL(`../../vectors/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** All tests of one file, each with the members of its group. */
export function testsOf(file: VectorFile): Vector[] {
  return file.testGroups.flatMap(({ tests, ...group }) => tests.map((test) => ({ ...group, ...test })))
}

const ours = vectorFile('record-envelope-v1')

/** The tests of one group of our own formats. */
export function group(type: string): Vector[] {
  return testsOf(ours).filter((test) => test['type'] === type)
}

/** Memory that is not cleared holds something else than zeros meanwhile, so that a byte nobody wrote is noticed. */
function inDirtyMemory(run: () => void): void {
  const { allocUnsafe } = Buffer
  Buffer.allocUnsafe = (size) => allocUnsafe(size).fill(0xa5)
  try {
    run()
  } finally {
    Buffer.allocUnsafe = allocUnsafe
  }
}

/** Runs each test and fails unless exactly `count` ran; a failure names the test. */
export function runAll(tests: Vector[], count: number, run: (test: Vector) => void): void {
  let ran = 0
  for (const test of tests) {
    try {
      inDirtyMemory(() => run(test))
    } catch (error) {
      throw new Error(`test ${test.tcId} (${test.comment}): ${error instanceof Error ? error.message : error}`, {
        cause: error,
      })
    }
    ran++
  }
  expect(ran, 'tests that ran').to.equal(count)
}

export function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

/** The reason of our error for the error class a vector states. */
export function reasonFor(error: string): string {
  const reasons: Record<string, string> = { INVALID_ARGUMENT: 'INVALID_REQUEST', DATA_LOSS: 'RECORD_CORRUPT' }
  return reasons[error] ?? error
}

/** The message of a vector, written out or generated. */
export function messageOf({ msg, msgLen }: Vector): Buffer {
  return typeof msg === 'string' ? hex(msg) : patternBytes(msgLen)
}

/** byte[i] = (7 i + floor(i / 256)) mod 256, the generator of the long vectors. */
export function patternBytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (7 * i + (i >> 8)) % 256))
}
