// What the driver knows of the servers: whether one takes writes now.
import type { MongoClient, ServerType, TopologyDescriptionChangedEvent } from 'mongodb'

export interface MongoServers {
  /** Whether a server is known that takes writes. */
  areReachable(): boolean
  /** Makes the driver look now, and not when it would next. */
  lookAgain(): void
  /** Why there was none last, for the log. */
  lastError(): unknown
}

const writable: ServerType[] = ['Standalone', 'RSPrimary', 'Mongos', 'LoadBalancer']

function isWritable({ newDescription }: TopologyDescriptionChangedEvent): boolean {
  return [...newDescription.servers.values()].some(({ type }) => writable.includes(type))
}

export function mongoServers(client: MongoClient, changed: () => void): MongoServers {
  let reachable = false
  let lastError: unknown
  let looking = false

  client.on('topologyDescriptionChanged', (event) => {
    reachable = isWritable(event)
    lastError = event.newDescription.error ?? lastError
    changed()
  })
  client.on('error', () => undefined) // what is wrong with a server, each command says again

  /** Any command does: the driver looks for a server that can take it. */
  async function look(): Promise<void> {
    looking = true
    await client
      .db('admin')
      .command({ ping: 1 })
      .catch(() => undefined)
    looking = false
  }

  return {
    areReachable: () => reachable,
    lookAgain() {
      if (!looking) void look()
    },
    lastError: () => lastError,
  }
}
