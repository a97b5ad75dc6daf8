// The driver's view of the servers: whether one of them takes writes now.
import type { MongoClient, ServerType, TopologyDescriptionChangedEvent } from 'mongodb'

/** The state of the servers. */
export interface ServerMonitor {
  /** True if the driver knows a server that takes writes. */
  isWritable(): boolean
  /** Makes the driver check the servers now, ahead of its schedule. */
  checkNow(): void
  /** The last error of a server, for the log. */
  lastError(): unknown
}

const writableTypes: ServerType[] = ['Standalone', 'RSPrimary', 'Mongos', 'LoadBalancer']

function hasWritable({ newDescription }: TopologyDescriptionChangedEvent): boolean {
  return [...newDescription.servers.values()].some(({ type }) => writableTypes.includes(type))
}

/** Watches the servers of a client; `changed` is called after each change. */
export function serverMonitor(client: MongoClient, changed: () => void): ServerMonitor {
  let writable = false
  let lastError: unknown
  let checking = false

  client.on('topologyDescriptionChanged', (event) => {
    writable = hasWritable(event)
    lastError = event.newDescription.error ?? lastError
    changed()
  })
  client.on('error', () => undefined) // the next command reports the same error

  /** Any command makes the driver look for a server that can take it; a ping does nothing else. */
  async function ping(): Promise<void> {
    checking = true
    await client
      .db('admin')
      .command({ ping: 1 })
      .catch(() => undefined)
    checking = false
  }

  return {
    isWritable: () => writable,
    checkNow() {
      if (!checking) void ping()
    },
    lastError: () => lastError,
  }
}
