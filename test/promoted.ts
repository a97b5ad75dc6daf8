import { execFileSync } from 'node:child_process'

/** Bytes that V8 moves to old memory for each object that passes through it (promotion.ts). */
export function promotedBytes(through: 'streams' | 'queue'): number {
  const args = ['--expose-gc', '--import', 'tsx', 'test/promotion.ts', through]
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}
