import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import fc from 'fast-check'
import { DynamicTable } from '../../../../src/core/http2/hpack/dynamic-table.js'
import { CompressionError } from '../../../../src/core/http2/protocol.js'

/** A simple implementation to compare with. */
class PlainTable {
  entries: [string, string][] = []
  maxBytes = 4096

  add(name: string, value: string): void {
    this.entries.unshift([name, value])
    this.resize(this.maxBytes)
  }

  resize(maxBytes: number): void {
    this.maxBytes = maxBytes
    while (this.bytes() > maxBytes) this.entries.pop()
  }

  bytes(): number {
    return this.entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
  }
}

function entriesOf(table: DynamicTable): [string, string][] {
  const entries: [string, string][] = []
  try {
    for (let at = 0; at < 1000; at++) entries.push([table.nameOf(at), table.valueOf(at)])
  } catch (error) {
    expect(error).to.be.instanceOf(CompressionError)
  }
  return entries
}

describe('hpack dynamic table', () => {
  const size = fc.oneof({ weight: 8, arbitrary: fc.nat(20) }, { weight: 2, arbitrary: fc.nat(300) }, fc.nat(4200))
  const adding = fc.record({ name: fc.constantFrom('', 'a', 'content-type'), size })
  const resizing = fc.record({ maxBytes: fc.oneof(fc.constant(4096), fc.nat(4096)) })
  const steps = fc.array(fc.oneof({ weight: 60, arbitrary: adding }, resizing), { minLength: 2000, maxLength: 3000 })

  it('behaves as a simple implementation, over thousands of entries', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const table = new DynamicTable()
        const plain = new PlainTable()
        for (const [at, step] of taken.entries()) {
          for (const each of [table, plain]) {
            if ('maxBytes' in step) each.resize(step.maxBytes)
            else each.add(step.name, `${at}`.padStart(step.size, '.'))
          }
          if (at % 7 === 0) expect(entriesOf(table)).to.deep.equal(plain.entries)
        }
      }),
      { seed: 7541, numRuns: 3 },
    )
  })

  it('is full at 128 empty entries', () => {
    const table = new DynamicTable()
    for (let at = 0; at < 1000; at++) table.add('', '')
    expect(entriesOf(table)).to.have.length(128)
    table.add('a', '')
    expect(entriesOf(table)).to.have.length(127)
    expect(table.nameOf(0)).to.equal('a')
  })

  it('is full at 4096 bytes', () => {
    const table = new DynamicTable()
    table.add('a', 'v'.repeat(4063))
    expect(entriesOf(table)).to.have.length(1)
    table.add('a', 'v'.repeat(4064))
    expect(entriesOf(table)).to.have.length(0)
  })

  it('is never larger than 4096 bytes', () => {
    const table = new DynamicTable()
    expect(() => table.resize(4097)).to.throw(CompressionError)
  })

  it('releases evicted strings', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const tables = Array.from({ length: 50 }, () => new DynamicTable())
    collect()
    const before = process.memoryUsage().heapUsed
    for (const table of tables) {
      for (let at = 0; at < 128; at++) table.add('a', Buffer.alloc(4000, at).toString('latin1'))
    }
    collect()
    expect(process.memoryUsage().heapUsed - before).to.be.below(2 << 20)
    expect(tables.map((table) => table.nameOf(0))).to.deep.equal(tables.map(() => 'a'))
  })
})
