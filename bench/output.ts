// What a bench says meanwhile, and where its report is kept.
import { mkdirSync, writeFileSync } from 'node:fs'

export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Under its name and the date of today. */
export function writeResults(text: string, name: string): void {
  mkdirSync('bench/results', { recursive: true })
  const path = `bench/results/${name}-${new Date().toISOString().slice(0, 10)}.md`
  writeFileSync(path, text)
  note(`written to ${path}`)
}
