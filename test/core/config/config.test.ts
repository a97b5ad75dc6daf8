import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { backendSchema } from '../../../src/backend/config.js'
import { envName, loadConfig } from '../../../src/core/config/config.js'
import { sectionNames } from '../../../src/core/config/config-file.js'
import { day, flag, oneOf, place, type Settings, text, whole } from '../../../src/core/config/settings.js'
import { frontendSchema } from '../../../src/frontend/config.js'
import { releaseAll, tempDir } from '../fake-frontend.js'

const backend: Settings = {
  host: text('127.0.0.1', 'a text'),
  port: whole(8888, [0, 65535], 'a number'),
  insecure: flag(false, 'a flag'),
  mode: oneOf(['one', 'two'], 'a choice'),
  until: day('a date'),
  tls: { certFile: text('', 'a file') },
  dir: place('data', 'a folder'),
}
const defaults = {
  host: '127.0.0.1',
  port: 8888,
  insecure: false,
  mode: 'one',
  until: '',
  tls: { certFile: '' },
  dir: 'data',
}

interface Sources {
  file?: unknown
  text?: string
  env?: Record<string, string>
  set?: string[]
}

let path: string

function load({ file, text: written, env = {}, set = [] }: Sources) {
  writeFileSync(path, written ?? JSON.stringify(file ?? {}))
  const sources = { file: { path, required: true }, env, overrides: set }
  return loadConfig<{ backend: typeof defaults }>({ backend }, sources).backend
}

/** The mistakes that a load names; FILE stands for the file. */
function mistakes(sources: Sources): string[] {
  try {
    load(sources)
  } catch (error) {
    expect(error).to.include({ name: 'VaultError', reason: 'INVALID_REQUEST' })
    const [first, ...rest] = (error as Error).message.split('\n')
    expect(first).to.equal('wrong settings:')
    return rest.map((line) => line.trim().replace(path, 'FILE'))
  }
  return []
}

describe('config', () => {
  beforeEach(() => {
    path = join(tempDir(), 'config.json')
  })
  afterEach(releaseAll)

  it('has its defaults', () => expect(load({})).to.eql(defaults))

  it('takes defaults, then file, then environment, then flags', () => {
    const file = { backend: { host: 'file', port: 1, mode: 'two' } }
    const env = { ENC_SERVER_BACKEND_PORT: '2', ENC_SERVER_BACKEND_MODE: 'one' }
    expect(load({ file })).to.include({ host: 'file', port: 1, mode: 'two', insecure: false })
    expect(load({ file, env })).to.include({ host: 'file', port: 2, mode: 'one' })
    expect(load({ file, env, set: ['backend.port=3'] })).to.include({ host: 'file', port: 3, mode: 'one' })
  })

  it('replaces single settings of a nested object, and takes the last of two flags', () => {
    const set = ['backend.tls.certFile=a', 'backend.tls.certFile=b=c']
    expect(load({ file: { backend: { tls: {} } }, set }).tls).to.eql({ certFile: 'b=c' })
  })

  it('takes an empty environment variable for one that is not set, whatever its setting', () => {
    const file = { backend: { host: 'file', port: 1, insecure: true, mode: 'two', tls: { certFile: '/x' } } }
    const names = ['HOST', 'PORT', 'INSECURE', 'MODE', 'TLS_CERT_FILE', 'NO_SUCH_SETTING']
    const env = Object.fromEntries(names.map((name) => [`ENC_SERVER_BACKEND_${name}`, '']))
    expect(load({ file, env })).to.deep.equal(load({ file }))
    expect(load({ file, set: ['backend.tls.certFile='] })).to.deep.include({ tls: { certFile: '' } })
  })

  it('converts text of the environment and of flags', () => {
    const env = { ENC_SERVER_BACKEND_INSECURE: 'true', ENC_SERVER_BACKEND_TLS_CERT_FILE: '/x' }
    expect(load({ env, set: ['backend.port=0'] }))
      .to.include({ insecure: true, port: 0 })
      .and.nested.include({ 'tls.certFile': '/x' })
    expect(load({ set: ['backend.insecure=false', 'backend.host='] })).to.include({ insecure: false, host: '' })
  })

  it('accepts a day, and an empty one', () => {
    expect(load({ file: { backend: { until: '2028-02-29' } } }).until).to.equal('2028-02-29')
    expect(load({ set: ['backend.until='] }).until).to.equal('')
  })

  it('names the environment variable of a setting', () => {
    expect(envName(['log', 'dir'])).to.equal('ENC_SERVER_LOG_DIR')
    expect(envName(['log', 'stdout'])).to.equal('ENC_SERVER_LOG_STDOUT')
    expect(envName(['frontend', 'userKeyCache', 'maxUsers'])).to.equal('ENC_SERVER_FRONTEND_USER_KEY_CACHE_MAX_USERS')
  })

  const [noFlag, noPort] = ['must be true or false', 'must be a whole number from 0 to 65535']
  const flagError = `backend.insecure: ${noFlag}`
  const dayError = 'backend.until: must be a date, as in 2026-12-31'
  const portError = `backend.port: ${noPort}`
  const form = 'must be setting=value, as in --set log.level=debug'
  const elsewhere = 'no such setting; the sections here are backend'
  const wrong: [string, Sources, string[]][] = [
    [
      '"ture" in the environment',
      { env: { ENC_SERVER_BACKEND_INSECURE: 'ture' } },
      [`ENC_SERVER_BACKEND_INSECURE: ${noFlag}: value was "ture"`],
    ],
    [
      '"TRUE" in the environment',
      { env: { ENC_SERVER_BACKEND_INSECURE: 'TRUE' } },
      [`ENC_SERVER_BACKEND_INSECURE: ${noFlag}: value was "TRUE"`],
    ],
    ['"1" for a flag', { set: ['backend.insecure=1'] }, [`--set ${flagError}: value was "1"`]],
    ['an empty flag', { set: ['backend.insecure='] }, [`--set backend.insecure: ${noFlag}`]],
    [
      '"77abc"',
      { env: { ENC_SERVER_BACKEND_PORT: '77abc' } },
      [`ENC_SERVER_BACKEND_PORT: ${noPort}: value was "77abc"`],
    ],
    ['"0x10"', { set: ['backend.port=0x10'] }, [`--set ${portError}: value was "0x10"`]],
    ['"-1"', { set: ['backend.port=-1'] }, [`--set ${portError}: value was "-1"`]],
    ['"1e3"', { set: ['backend.port=1e3'] }, [`--set ${portError}: value was "1e3"`]],
    ['an empty number', { set: ['backend.port='] }, [`--set ${portError}`]],
    ['a number out of range', { file: { backend: { port: 65536 } } }, [`FILE: ${portError}: value was 65536`]],
    ['half a number', { file: { backend: { port: 1.5 } } }, [`FILE: ${portError}: value was 1.5`]],
    ['a text that is a number', { file: { backend: { host: 7 } } }, ['FILE: backend.host: must be text: value was 7']],
    ['a flag that is a number', { file: { backend: { insecure: 1 } } }, [`FILE: ${flagError}: value was 1`]],
    ['no choice', { file: { backend: { mode: 'x' } } }, ['FILE: backend.mode: must be one of one, two: value was "x"']],
    ['a day in words', { set: ['backend.until=tomorrow'] }, [`--set ${dayError}: value was "tomorrow"`]],
    ['a day that is none', { set: ['backend.until=2026-02-30'] }, [`--set ${dayError}: value was "2026-02-30"`]],
    ['a day with a time', { set: ['backend.until=2026-02-03T00'] }, [`--set ${dayError}: value was "2026-02-03T00"`]],
    ['a day that is a number', { file: { backend: { until: 2026 } } }, [`FILE: ${dayError}: value was 2026`]],
    ['an empty place', { set: ['backend.dir='] }, ['--set backend.dir: must name a file or folder']],
    [
      'an unknown setting',
      { file: { backend: { hots: 'x' } } },
      ['FILE: backend.hots: no such setting; did you mean host?'],
    ],
    [
      'an unknown nested setting',
      { file: { backend: { tls: { cert: 'x' } } } },
      ['FILE: backend.tls.cert: no such setting'],
    ],
    ['an unknown object', { file: { backend: { x: { y: 1 } } } }, ['FILE: backend.x: no such setting']],
    [
      'an unknown section',
      { file: { backand: {} } },
      ["FILE: unknown section 'backand'; the sections are frontend, backend, log"],
    ],
    [
      'an inherited name',
      { text: '{"backend": {"toString": 1, "__proto__": {"port": 1}}}' },
      ['FILE: backend.toString: no such setting', 'FILE: backend.__proto__: no such setting'],
    ],
    [
      'an object where a value belongs',
      { file: { backend: { port: { x: 1 } } } },
      ['FILE: backend.port: must be one value'],
    ],
    ['a list where a value belongs', { file: { backend: { host: ['a'] } } }, ['FILE: backend.host: must be one value']],
    ['null where a value belongs', { file: { backend: { host: null } } }, ['FILE: backend.host: must be one value']],
    ['a value where an object belongs', { file: { backend: { tls: 'x' } } }, ['FILE: backend.tls: must be an object']],
    ['a section that is a text', { file: { backend: 'x' } }, ['FILE: backend: must be an object']],
    ['a section that is a list', { file: { backend: [] } }, ['FILE: backend: must be an object']],
    ['a section that is null', { file: { backend: null } }, ['FILE: backend: must be an object']],
    [
      'a flag for an unknown setting',
      { set: ['backend.hots=x'] },
      ['--set backend.hots: no such setting; did you mean backend.host?'],
    ],
    ['a flag for an unknown section', { set: ['bakend.port=1'] }, [`--set bakend.port: ${elsewhere}`]],
    ['a flag for another section', { set: ['frontend.port=1'] }, [`--set frontend.port: ${elsewhere}`]],
    [
      'a flag for a whole section',
      { set: ['backend=x', 'backend.tls=x'] },
      ['--set backend: no such setting', '--set backend.tls: no such setting'],
    ],
    ['a flag below a setting', { set: ['backend.port.x=1'] }, ['--set backend.port.x: no such setting']],
    ['a flag without a value', { set: ['backend.port', 'x'] }, [`--set backend.port: ${form}`, `--set x: ${form}`]],
    ['a flag without anything', { set: ['', '=x'] }, [`--set : ${form}`, `--set : ${elsewhere}`]],
    [
      'a flag for an inherited name',
      { set: ['__proto__.polluted=1', 'backend.constructor.prototype.x=1'] },
      [`--set __proto__.polluted: ${elsewhere}`, '--set backend.constructor.prototype.x: no such setting'],
    ],
  ]
  for (const [what, sources, expected] of wrong) {
    it(`refuses ${what}`, () => {
      expect(mistakes(sources)).to.eql(expected)
      expect({}).to.not.have.property('polluted')
    })
  }

  it('names all mistakes at once', () => {
    const file = { bckend: {}, backend: { port: 'x', hots: 1, tls: 1, mode: { a: 1 } } }
    const named = mistakes({ file, env: { ENC_SERVER_BACKEND_INSECURE: 'ture' }, set: ['backend.nope=1'] })
    expect(named).to.have.members([
      "FILE: unknown section 'bckend'; the sections are frontend, backend, log",
      'FILE: backend.hots: no such setting; did you mean host?',
      'FILE: backend.tls: must be an object',
      'FILE: backend.mode: must be one value',
      '--set backend.nope: no such setting',
      `FILE: ${portError}: value was "x"`,
      `ENC_SERVER_BACKEND_INSECURE: ${noFlag}: value was "ture"`,
    ])
  })

  it('names the origin of a wrong value', () => {
    const all = { file: { backend: { port: 'a' } }, env: { ENC_SERVER_BACKEND_PORT: 'b' }, set: ['backend.port=c'] }
    expect(mistakes(all)).to.eql([`--set ${portError}: value was "c"`])
    expect(mistakes({ ...all, set: [] })).to.eql([`ENC_SERVER_BACKEND_PORT: ${noPort}: value was "b"`])
    expect(mistakes({ file: all.file })).to.eql([`FILE: ${portError}: value was "a"`])
    expect(mistakes({ ...all, set: ['backend.portx=1', 'backend.port=1'] })).to.eql([
      '--set backend.portx: no such setting; did you mean backend.port?',
    ])
  })

  it('names the own variable of a setting', () => {
    const own = { backend: { place: { ...whole(1, [1, 2], 'a number'), env: 'PLACE' } } }
    const sources = { file: { path, required: false }, env: { PLACE: '3' }, overrides: [] }
    expect(() => loadConfig(own, sources)).to.throw('wrong settings:\n  PLACE: must be a whole number from 1 to 2')
  })

  it('does not check the sections of other services', () => {
    expect(load({ file: { frontend: { whatever: 1 }, log: 'x', backend: { port: 5 } } })).to.include({ port: 5 })
  })

  it('rejects a variable with the prefix of a section that belongs to no setting', () => {
    const env = {
      ENC_SERVER_BACKEND_PROT: '1',
      ENC_SERVER_BACKEND_TARGET: 'a:1',
      ENC_SERVER_FRONTEND_PROT: '1',
      OTHER: '',
    }
    const sources = { file: { path: '', required: false }, env, overrides: [] }
    expect(() => loadConfig({ backend: backendSchema.backend }, sources)).to.throw(
      'wrong settings:\n  ENC_SERVER_BACKEND_PROT: no such setting; did you mean ENC_SERVER_BACKEND_PORT?',
    )
  })

  it('gives each load a configuration of its own', () => {
    load({}).tls.certFile = 'changed'
    expect(load({})).to.eql(defaults)
  })

  describe('of the services', () => {
    const schemas = { frontend: frontendSchema, backend: backendSchema }
    for (const name of ['config.json', 'config.cmd.json']) {
      for (const [service, schema] of Object.entries(schemas)) {
        it(`config/${name} is accepted by the ${service}`, () => {
          const file = new URL(`../../../config/${name}`, import.meta.url).pathname
          const loaded = loadConfig<object>(schema, { file: { path: file, required: true }, env: {}, overrides: [] })
          expect(loaded).to.have.all.keys(service, 'log')
        })
      }
    }

    it('documents every setting, and knows no other section', () => {
      const check = (settings: Settings) => {
        for (const [name, node] of Object.entries(settings)) {
          if (!('default' in node)) check(node as Settings)
          else expect(node['doc'], name).to.be.a('string').with.length.above(8)
        }
      }
      for (const schema of Object.values(schemas)) {
        expect(sectionNames).to.include.members(Object.keys(schema))
        check(schema)
      }
    })
  })
})
