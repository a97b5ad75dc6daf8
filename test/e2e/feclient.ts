// feclient as a process of its own, in a folder, against a server.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { distFolder, type Sandbox } from './processes.js'

export interface FeclientPlace {
  folder: string
  /** Of the front end. */
  address: string
}

export function startFeclient(box: Sandbox, { folder, address }: FeclientPlace, args: string[]): ChildProcess {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [join(distFolder, 'cmd', 'feclient.js'), ...args], {
    cwd: folder,
    env: { PATH, HOME, ENC_SERVER_FRONTEND_TARGET: address },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  box.defer(() => child.kill('SIGKILL'))
  return child
}

/** Its exit code, and all it has printed. */
export async function ended(child: ChildProcess) {
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name]?.on('data', (text) => (printed[name] += text))
  const [code] = await once(child, 'close')
  return { code, ...printed }
}
