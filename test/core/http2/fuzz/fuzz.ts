// Fuzzes frames and header blocks for some minutes: the HPACK decoder, a connection in memory, and the server over TCP.
// Stops at the first failure with exit code 1, the seed and the input.
//
//   make fuzz MINUTES=60   for an hour, from a seed by the clock
//   make fuzz SEED=7       this seed alone
import { parseArgs } from 'node:util'
import { releaseAll } from '../../fake-frontend.js'
import { fuzzDamage, fuzzNoise } from './blocks.js'
import { fuzzConnection } from './connection.js'
import { fuzzedServer } from './server.js'

const connectionsEach = 200
const attacksEach = 20
const blocksEach = 500
const maxSeed = 2 ** 30
const reportMs = 15_000

/** One round of every target. Connections use the seeds from this one on. */
async function fuzz(seed: number): Promise<void> {
  fuzzNoise(seed, blocksEach)
  fuzzDamage(seed, blocksEach)
  for (let at = 0; at < connectionsEach; at += 1) await fuzzConnection(seed + at)
  const server = await fuzzedServer()
  for (let at = 0; at < attacksEach; at += 1) await server.attack(seed + at)
  await server.check()
  await releaseAll()
}

function print(line: string): void {
  process.stdout.write(`fuzz      ${line}\n`)
}

/** Rounds until the time is over; prints the seed of the next round now and then, so that a hang can be repeated too. */
async function run(endsAt: number): Promise<void> {
  let rounds = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  do {
    seed = (firstSeed + rounds * connectionsEach) % maxSeed
    if (Date.now() - reportedAt >= reportMs) {
      print(`round ${rounds + 1}, seed ${seed}`)
      reportedAt = Date.now()
    }
    await fuzz(seed).catch(fail)
    rounds += 1
  } while (Date.now() < endsAt)
  print(
    `no failure in ${rounds} rounds, ${rounds * connectionsEach} connections in memory, ${rounds * attacksEach} over TCP`,
  )
}

function fail(error: unknown): never {
  print(`failure; repeat it with: make fuzz SEED=${seed}`)
  print(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exit(1)
}

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string' } } })
const firstSeed = values.seed === undefined ? Date.now() % maxSeed : Number(values.seed)
const minutes = values.seed === undefined ? Number(values.minutes) : 0
if (!Number.isFinite(firstSeed) || !Number.isFinite(minutes)) throw new Error('--minutes and --seed take numbers')
/** The seed of the running round. */
let seed = firstSeed
process.on('uncaughtException', fail)
await run(Date.now() + minutes * 60_000)
process.exit(0)
