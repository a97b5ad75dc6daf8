import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The pages, the sources and the tests of the repository; a changelog also names what is gone. */
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  .toString()
  .split('\0')
  .filter((file) => existsSync(join(root, file)) && file !== 'CHANGELOG.md')
const pages = files.filter((file) => file.endsWith('.md'))

/** Paths in prose are relative to the repository or to `src/`. */
const roots = ['', 'src']
const folders = 'src|backend|frontend|core|cli|doctor|cmd|test|bench|docs|proto|config|deployments|examples|\\.ci'
const pathForm = new RegExp(`(?<![\\w./:@-])(?:${folders})/[\\w./*-]*\\.(?:ts|md|js|cjs|json|proto|go|py)\\b`, 'g')
const linkForm = /\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g

/** What a build makes, and what the programs make when they run. */
const made = /(^|\/)(gen|dist|data)\/|^(cmd\/[a-z-]+\.js|frontend\/keyring\.json)$/

function isThere(path: string): boolean {
  return roots.some((above) => existsSync(join(root, above, path)))
}

describe('paths', () => {
  it('that a page links to exist', () => {
    const broken = pages.flatMap((page) => {
      const links = [...readFileSync(join(root, page), 'utf8').matchAll(linkForm)].map(([, link = '']) => link)
      return links.filter((link) => !existsSync(join(root, dirname(page), link))).map((link) => `${page}: ${link}`)
    })
    expect(broken).deep.equal([])
  })

  it('that a page or a comment names exist', () => {
    const texts = files.filter((file) => /\.(md|ts|js|cjs|proto|go|py)$|^Makefile$/.test(file))
    const missing = texts.flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      const prose = file.endsWith('.md')
        ? [text]
        : [...text.matchAll(/(?:^|\s)(?:\/\/|#|\*).*$/gm)].map(([line]) => line)
      const paths = prose.flatMap((line) => [...line.matchAll(pathForm)].map(([path]) => path))
      return paths
        .filter((path) => !path.includes('*') && !made.test(path) && !isThere(path))
        .map((path) => `${file}: ${path}`)
    })
    expect(missing).deep.equal([])
  })

  it('that a page shows as `a/b.ts` or `a.ts` name a file', () => {
    const names = new Set(files.flatMap((file) => [file, file.replace(/^src\//, ''), file.split('/').at(-1) as string]))
    const unknown = pages.flatMap((page) => {
      const shown = [...readFileSync(join(root, page), 'utf8').matchAll(/`([a-z0-9-]+(?:\/[a-z0-9-]+)*\.ts)`/g)]
      const paths = shown.map(([, path = '']) => path).filter((path) => path !== 'note.ts')
      return paths
        .filter((path) => !names.has(path) && ![...names].some((name) => name.endsWith(`/${path}`)))
        .map((path) => `${page}: ${path}`)
    })
    expect(unknown).deep.equal([])
  })
})
