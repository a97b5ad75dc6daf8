// StoreRecord and RetrieveRecord, 1 KiB, 64 in flight, 10 000 users, front end and back end as two processes, durable;
// and in the same run a bare two-hop gRPC echo of the same sizes. Machines are noisy: compare the ratios, in pairs.
//   make bench             three rounds
//   make bench ROUNDS=5    five
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Load, type Measured, runLoad, startProgram } from './processes.js'

const calls = 20_000
const warmUpCalls = 5_000
const shape = { 'in-flight': 64, users: 10_000, size: 1024 }
const rounds = Number(process.argv[2] ?? 3)

interface Row extends Load {
  name: string
  /** CPU of all servers per call, in microseconds. */
  serverUs: number
  loadUs: number
}

interface Bench {
  load: string
  folder: string
}

async function measure(name: string, servers: Measured[], run: () => Promise<Load>): Promise<Row> {
  const before = servers.map((server) => server.cpuMs())
  const load = await run()
  const cpuMs = servers.reduce((sum, server, at) => sum + server.cpuMs() - (before[at] as number), 0)
  return { name, ...load, serverUs: (cpuMs * 1000) / load.calls, loadUs: (load.ownCpuMs * 1000) / load.calls }
}

async function startVault(folder: string): Promise<Measured[]> {
  const quiet = [
    '--config',
    'config/config.cmd.json',
    '--set',
    'log.stdout=false',
    '--set',
    `log.dir=${join(folder, 'log')}`,
  ]
  const data = ['--set', `backend.dataDir=${join(folder, 'be')}`, '--set', 'backend.port=0']
  const backend = await startProgram('beserver', ['dist/cmd/beserver.js', ...quiet, ...data])
  const keys = ['--set', `frontend.keyringFile=${join(folder, 'fe/keyring.json')}`, '--set', 'frontend.port=0']
  const to = ['--set', `frontend.backend.address=${backend.address}`]
  return [await startProgram('feserver', ['dist/cmd/feserver.js', ...quiet, ...keys, ...to]), backend]
}

async function startEcho(): Promise<Measured[]> {
  const echo = ['--import', 'tsx', 'bench/echo-server.ts']
  const last = await startProgram('echo', echo)
  return [await startProgram('echo', [...echo, last.address]), last]
}

async function round({ load, folder }: Bench, vault: Measured[], echo: Measured[]): Promise<Row[]> {
  const keys = join(folder, 'keys')
  const target = vault[0]?.address as string
  const bare = { ...shape, calls, target: echo[0]?.address as string, call: 'echo' }
  return [
    await measure('echo 1 KiB in', echo, () => runLoad(load, { ...bare, 'reply-size': 128 })),
    await measure('StoreRecord', vault, () => runLoad(load, { ...shape, calls, target, call: 'store', keys })),
    await measure('echo 1 KiB out', echo, () => runLoad(load, { ...bare, size: 140, 'reply-size': 1100 })),
    await measure('RetrieveRecord', vault, () => runLoad(load, { ...shape, calls, target, call: 'retrieve', keys })),
  ]
}

async function warmUp({ load }: Bench, vault: Measured[], echo: Measured[]): Promise<void> {
  const few = { ...shape, calls: warmUpCalls }
  await runLoad(load, { ...few, target: vault[0]?.address as string, call: 'store' })
  await runLoad(load, { ...few, target: echo[0]?.address as string, call: 'echo' })
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number
}

function table(rows: Row[]): string {
  const head =
    '| | per second | p50 ms | p99 ms | server CPU µs | load CPU µs | of the echo |\n|---|---|---|---|---|---|---|'
  const names = [...new Set(rows.map(({ name }) => name))]
  const lines = names.map((name, at) => {
    const mine = rows.filter((row) => row.name === name)
    const base = rows.filter((row) => row.name === names[at - (at % 2)])
    const of = (field: keyof Row) => median(mine.map((row) => row[field] as number))
    const ratio = median(mine.map((row, round) => row.perSecond / (base[round] as Row).perSecond))
    const cells = [of('perSecond').toFixed(0), of('p50Ms').toFixed(1), of('p99Ms').toFixed(1)]
    return `| ${[name, ...cells, of('serverUs').toFixed(0), of('loadUs').toFixed(0), ratio.toFixed(2)].join(' | ')} |`
  })
  return [head, ...lines].join('\n')
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'enc-server-bench-'))
  const load = join(folder, 'load')
  execFileSync('go', ['build', '-o', load, '.'], { cwd: 'bench/load', stdio: 'inherit' })
  const vault = await startVault(folder)
  const echo = await startEcho()
  try {
    await warmUp({ load, folder }, vault, echo)
    const rows: Row[] = []
    for (let at = 0; at < rounds; at += 1) rows.push(...(await round({ load, folder }, vault, echo)))
    const machine = `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, medians of ${rounds} rounds of ${calls} calls`
    const memory = `front end ${vault[0]?.rssMiB().toFixed(0)} MiB, back end ${vault[1]?.rssMiB().toFixed(0)} MiB resident`
    const report = `${machine}; ${memory}\n\n${table(rows)}\n`
    process.stdout.write(report)
    mkdirSync('bench/results', { recursive: true })
    writeFileSync(`bench/results/unary-${new Date().toISOString().slice(0, 10)}.md`, report)
  } finally {
    await Promise.all([...vault, ...echo].map((server) => server.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
