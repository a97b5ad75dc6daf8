// The last step of `make generate`, which removes copies from the generated code. ts-proto's code copies each message twice and
// each bytes field once more, and makes a buffer for each empty field; with src/core/frame.ts it is one copy, and one buffer for
// all. The step fails if a pattern is missing, so that a new release of ts-proto cannot undo it unnoticed.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const steps = [
  { from: /Buffer\.from\((\w+)\.encode\(value\)\.finish\(\)\)/g, to: 'frame($1, value)' },
  { from: /Buffer\.from\((reader\.bytes\(\))\)/g, to: 'inPlace($1)' },
  { from: /Buffer\.alloc\(0\)/g, to: 'noBytes' },
]

const found = steps.map(() => 0)
const files = readdirSync('src/gen', { recursive: true }).filter((name) => name.endsWith('.ts'))
for (const file of files.map((name) => join('src/gen', name))) {
  const text = readFileSync(file, 'utf8')
  const names = [] // the functions that the file has to import
  const framed = steps.reduce((before, { from, to }, step) => {
    const count = before.match(from)?.length ?? 0
    found[step] += count
    if (count > 0) names.push(to.split('(')[0])
    return before.replace(from, to)
  }, text)
  if (names.length > 0) writeFileSync(file, withImport(framed, names, relative(dirname(file), 'src/core/frame.js')))
}
if (found.includes(0)) throw new Error(`proto/frames.js: nothing looks like ${steps[found.indexOf(0)].from} in src/gen`)

/** @param {string} text @param {string[]} names @param {string} path */
function withImport(text, names, path) {
  return text.replace('\nimport ', `\nimport { ${names.join(', ')} } from "${path}";\nimport `)
}
