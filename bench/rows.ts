// What is measured: every row is one way to store or retrieve records, on a vault of one process or of two; and beside them
// one hop of the echo, and an echo of the same messages as services write it.
export type Call = 'store' | 'retrieve'
/** 0: no vault, but the last hop of the echo alone, which is the most that a server on grpc-js can answer. `stubs`: two
 * hops of an echo of the vault's own messages, by generated stubs. */
export type Processes = 0 | 1 | 2 | 'stubs'

export interface Row {
  /** What --only calls it. */
  id: string
  title: string
  call: Call
  /** 0 for unary calls. */
  streams: number
  processes: Processes
}

const methods = { store: 'StoreRecord', retrieve: 'RetrieveRecord' }

function rowOf(call: Call, streams: number, processes: Processes): Row {
  const id = `${call}${streams > 0 ? '-streams' : ''}${processes === 1 ? '-one-process' : ''}`
  const title = `${methods[call]}${streams > 0 ? 's' : ''}${processes === 1 ? ', one process' : ''}`
  return { id, title, call, streams, processes }
}

function oneHop(call: Call): Row {
  return { id: `${call}-one-hop`, title: 'bare echo, one hop', call, streams: 0, processes: 0 }
}

function stubEcho(call: Call): Row {
  return { id: `${call}-stubs`, title: 'echo by generated stubs', call, streams: 0, processes: 'stubs' }
}

const calls: Call[] = ['store', 'retrieve']
const processCounts: (1 | 2)[] = [2, 1]

const allRows = calls.flatMap((call) => [
  oneHop(call),
  stubEcho(call),
  ...processCounts.flatMap((processes) => [0, 4].map((streams) => rowOf(call, streams, processes))),
])

/** All rows, or the ones named, separated by commas. */
export function rowsOf(only: string | undefined): Row[] {
  if (only === undefined) return allRows
  return only.split(',').map((name) => {
    const row = allRows.find(({ id }) => id === name)
    if (row === undefined) throw new Error(`no row "${name}": choose of ${allRows.map(({ id }) => id).join(', ')}`)
    return row
  })
}
