// The engines of the back end, and where a back end of the tests keeps its records on each of them. On MongoDB each data
// folder has a database of its own, which is dropped after the tests; only logs are in the folder then.
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { describeMongo, everyKind, testMongo } from '../servers/mongo.js'

export type Engine = 'level' | 'mongodb'

/** Declares a suite once for each engine. */
export function describeEngines(title: string, declare: (engine: Engine) => void): void {
  describe(`${title} on LevelDB`, () => declare('level'))
  describeMongo(title, everyKind, () => declare('mongodb'))
}

export interface Stores {
  /** The settings of a back end with that data folder; all back ends with it have the same records. */
  settings(dataDir: string): Record<string, string>
  /** All that lies in the store and the logs of that data folder. */
  bytes(dataDir: string): Promise<Buffer>
}

/** What the sandbox has for the stores. */
interface Place {
  folder(): string
  defer(work: () => unknown): void
}

/** Call it in a `describe`. */
export function storesOf(engine: Engine, place: Place): Stores {
  return engine === 'level' ? levelStores : mongoStores(place)
}

const levelStores: Stores = {
  settings: (dataDir) => ({ 'backend.dataDir': dataDir }),
  bytes: async (dataDir) => filesUnder(dataDir),
}

function mongoStores({ folder, defer }: Place): Stores {
  const databases = new Map<string, string>()
  let uriFile: string
  let client: MongoClient

  before(async function () {
    this.timeout(300_000) // the first time, Maven fetches and compiles
    const { uri } = await testMongo()
    uriFile = join(folder(), 'mongodb.uri')
    writeFileSync(uriFile, uri, { mode: 0o600 })
    client = new MongoClient(uri)
    defer(dropAll) // the last work of all: by then no back end writes
  })

  async function dropAll(): Promise<void> {
    for (const database of databases.values()) await client.db(database).dropDatabase()
    await client.close()
  }

  function databaseOf(dataDir: string): string {
    const database = databases.get(dataDir) ?? `test-e2e-${randomBytes(6).toString('hex')}`
    databases.set(dataDir, database)
    return database
  }

  return {
    settings: (dataDir) => ({
      'backend.dataDir': dataDir,
      'backend.store': 'mongodb',
      'backend.mongodb.uriFile': uriFile,
      'backend.mongodb.database': databaseOf(dataDir),
    }),
    bytes: async (dataDir) => {
      return Buffer.concat([filesUnder(dataDir), await documentsIn(client, databaseOf(dataDir))])
    },
  }
}

function filesUnder(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Buffer.concat(files.map((entry) => readFileSync(join(entry.parentPath, entry.name))))
}

/** As BSON, the way they cross the network. */
async function documentsIn(client: MongoClient, database: string): Promise<Buffer> {
  const documents: Buffer[] = []
  for (const { collectionName } of await client.db(database).collections()) {
    const found = client.db(database).collection(collectionName).find({}, { raw: true })
    documents.push(...((await found.toArray()) as unknown as Buffer[]))
  }
  return Buffer.concat(documents)
}
