// Where the records of a bench are kept: LevelDB in a folder, or a MongoDB.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { testMongo } from '../test/servers/mongo.js'
import type { Stage } from './stage.js'

export interface Engine {
  /** What it is, for the report. */
  title: string
  /** Settings of the back end for a vault of this name. */
  settings(vault: string): string[]
}

export function levelEngine(folder: string): Engine {
  return {
    title: 'LevelDB, every write synced',
    settings: (vault) => [`backend.dataDir=${join(folder, vault, 'be')}`],
  }
}

const titles = {
  MONGODB_URI: 'the MongoDB of MONGODB_URI',
  mongod: 'MongoDB, a mongod of this machine',
  'mongo-java-server':
    'mongo-java-server, which speaks the protocol of MongoDB and keeps everything in memory: not durable',
}

export async function mongoEngine(folder: string, stage: Stage): Promise<Engine> {
  const { kind, uri } = await testMongo()
  const uriFile = join(folder, 'mongodb-uri')
  writeFileSync(uriFile, uri, { mode: 0o600 })
  const databaseOf = (vault: string) => `enc-server-bench-${process.pid}-${vault}`
  return {
    title: `${titles[kind]}; its CPU counts as that of another program`,
    settings(vault) {
      stage.add(() => drop(uri, databaseOf(vault)))
      const mongodb = [`mongodb.uriFile=${uriFile}`, `mongodb.database=${databaseOf(vault)}`]
      return ['store=mongodb', ...mongodb].map((setting) => `backend.${setting}`)
    },
  }
}

async function drop(uri: string, database: string): Promise<void> {
  const client = new MongoClient(uri)
  try {
    await client.db(database).dropDatabase()
  } finally {
    await client.close()
  }
}
