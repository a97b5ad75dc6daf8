// The command line of the bench.
import { parseArgs } from 'node:util'
import { type Row, rowsOf } from './rows.js'

export interface Options {
  rounds: number
  rows: Row[]
  /** Whether these are all rows. */
  whole: boolean
  mongodb: boolean
  /** Arguments of Node for the servers of the vault. */
  nodeArgs: string[]
}

export function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '3' },
      only: { type: 'string' },
      mongodb: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
    },
  })
  const { only, mongodb, 'cpu-prof': profiles } = values
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`"${values.rounds}" is no number of rounds: give 1 or more`)
  const nodeArgs = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
  return { rounds, rows: rowsOf(only), whole: only === undefined && nodeArgs.length === 0, mongodb, nodeArgs }
}
