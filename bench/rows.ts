// The rows of the bench: each is a way to store or retrieve records, on a vault of one process or of two. Beside them stand
// echoes of one hop on several HTTP/2 servers, and an echo of the same messages by generated stubs.
export type Call = 'store' | 'retrieve'
/** A bare echo of one hop: the most that a server on grpc-js, on node:http2 or on our own HTTP/2 can answer. */
export type OneHop = 'grpc-js' | 'node-http2' | 'own-http2'
/** The processes of a vault, or `stubs`: two hops of an echo of the vault's own messages, by generated stubs. */
export type VaultProcesses = 1 | 2 | 'stubs'
export type Processes = OneHop | VaultProcesses

/** True for a row without a vault. */
export function isOneHop(processes: Processes): processes is OneHop {
  return typeof processes === 'string' && processes !== 'stubs'
}

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

function oneHops(call: Call): Row[] {
  const row = { call, streams: 0 }
  return [
    { id: `${call}-one-hop`, title: 'bare echo, one hop', ...row, processes: 'grpc-js' },
    { id: `${call}-node-http2`, title: 'bare echo on node:http2, one hop', ...row, processes: 'node-http2' },
    { id: `${call}-own-http2`, title: 'bare echo on our HTTP/2, one hop', ...row, processes: 'own-http2' },
  ]
}

function stubEcho(call: Call): Row {
  return { id: `${call}-stubs`, title: 'echo by generated stubs', call, streams: 0, processes: 'stubs' }
}

const calls: Call[] = ['store', 'retrieve']
const processCounts: (1 | 2)[] = [2, 1]

const allRows = calls.flatMap((call) => [
  ...oneHops(call),
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
