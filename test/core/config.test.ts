import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { backendSchema } from '../../src/backend/config.js'
import { envName, loadConfig, sectionNames } from '../../src/core/config.js'
import { day, flag, oneOf, type Settings, text, whole } from '../../src/core/settings.js'
import { frontendSchema } from '../../src/frontend/config.js'
import { releaseAll, tempDir } from './fake-frontend.js'

const backend: Settings = {
  host: text('127.0.0.1', 'a text'),
  port: whole(8888, [0, 65535], 'a number'),
  insecure: flag(false, 'a flag'),
  mode: oneOf(['one', 'two'], 'a choice'),
  until: day('a date'),
  tls: { certFile: text('', 'a file') },
}
const defaults = { host: '127.0.0.1', port: 8888, insecure: false, mode: 'one', until: '', tls: { certFile: '' } }

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

/** The mistakes that a load names, without the line that names the file. */
function mistakes(sources: Sources): string[] {
  try {
    load(sources)
  } catch (error) {
    expect(error).to.include({ name: 'VaultError', reason: 'INVALID_REQUEST' })
    const [first, ...rest] = (error as Error).message.split('\n')
    expect(first).to.equal(`configuration ${path}:`)
    return rest.map((line) => line.trim())
  }
  return []
}

describe('config', () => {
  beforeEach(() => {
    path = join(tempDir(), 'config.json')
  })
  afterEach(releaseAll)

  it('has its defaults', () => expect(load({})).to.eql(defaults))

  it('goes by defaults < file < environment < flags', () => {
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

  it('converts text of the environment and of flags', () => {
    const env = { ENC_SERVER_BACKEND_INSECURE: 'true', ENC_SERVER_BACKEND_TLS_CERT_FILE: '/x' }
    expect(load({ env, set: ['backend.port=0'] }))
      .to.include({ insecure: true, port: 0 })
      .and.nested.include({ 'tls.certFile': '/x' })
    expect(load({ set: ['backend.insecure=false', 'backend.host='] })).to.include({ insecure: false, host: '' })
  })

  it('takes a day, and none', () => {
    expect(load({ file: { backend: { until: '2028-02-29' } } }).until).to.equal('2028-02-29')
    expect(load({ set: ['backend.until='] }).until).to.equal('')
  })

  it('names the environment variable of a setting', () => {
    expect(envName(['log', 'dir'])).to.equal('ENC_SERVER_LOG_DIR')
    expect(envName(['log', 'stdout'])).to.equal('ENC_SERVER_LOG_STDOUT')
    expect(envName(['frontend', 'userKeyCache', 'maxUsers'])).to.equal('ENC_SERVER_FRONTEND_USER_KEY_CACHE_MAX_USERS')
  })

  const flagError = 'backend.insecure: must be true or false'
  const dayError = 'backend.until: must be a date, as in 2026-12-31'
  const portError = 'backend.port: must be a whole number from 0 to 65535'
  const form = 'must be setting=value, as in --set log.level=debug'
  const elsewhere = 'no such setting here; there are those of backend'
  const wrong: [string, Sources, string[]][] = [
    ['"ture" in the environment', { env: { ENC_SERVER_BACKEND_INSECURE: 'ture' } }, [`${flagError}: value was "ture"`]],
    ['"TRUE" in the environment', { env: { ENC_SERVER_BACKEND_INSECURE: 'TRUE' } }, [`${flagError}: value was "TRUE"`]],
    ['"1" for a flag', { set: ['backend.insecure=1'] }, [`${flagError}: value was "1"`]],
    ['an empty flag', { env: { ENC_SERVER_BACKEND_INSECURE: '' } }, [flagError]],
    ['"77abc"', { env: { ENC_SERVER_BACKEND_PORT: '77abc' } }, [`${portError}: value was "77abc"`]],
    ['"0x10"', { set: ['backend.port=0x10'] }, [`${portError}: value was "0x10"`]],
    ['"-1"', { set: ['backend.port=-1'] }, [`${portError}: value was "-1"`]],
    ['"1e3"', { set: ['backend.port=1e3'] }, [`${portError}: value was "1e3"`]],
    ['an empty number', { set: ['backend.port='] }, [portError]],
    ['a number out of range', { file: { backend: { port: 65536 } } }, [`${portError}: value was 65536`]],
    ['half a number', { file: { backend: { port: 1.5 } } }, [`${portError}: value was 1.5`]],
    ['a text that is a number', { file: { backend: { host: 7 } } }, ['backend.host: must be text: value was 7']],
    ['a flag that is a number', { file: { backend: { insecure: 1 } } }, [`${flagError}: value was 1`]],
    ['no choice', { file: { backend: { mode: 'x' } } }, ['backend.mode: must be one of one, two: value was "x"']],
    ['a day in words', { set: ['backend.until=tomorrow'] }, [`${dayError}: value was "tomorrow"`]],
    ['a day that is none', { set: ['backend.until=2026-02-30'] }, [`${dayError}: value was "2026-02-30"`]],
    ['a day with a time', { set: ['backend.until=2026-02-03T00'] }, [`${dayError}: value was "2026-02-03T00"`]],
    ['a day that is a number', { file: { backend: { until: 2026 } } }, [`${dayError}: value was 2026`]],
    ['an unknown setting', { file: { backend: { hots: 'x' } } }, ['backend.hots: no such setting']],
    ['an unknown nested setting', { file: { backend: { tls: { cert: 'x' } } } }, ['backend.tls.cert: no such setting']],
    ['an unknown object', { file: { backend: { x: { y: 1 } } } }, ['backend.x: no such setting']],
    ['an unknown section', { file: { backand: {} } }, ["unknown section 'backand'; there are frontend, backend, log"]],
    [
      'an inherited name',
      { text: '{"backend": {"toString": 1, "__proto__": {"port": 1}}}' },
      ['backend.toString: no such setting', 'backend.__proto__: no such setting'],
    ],
    ['an object where a value belongs', { file: { backend: { port: { x: 1 } } } }, ['backend.port: must be one value']],
    ['a list where a value belongs', { file: { backend: { host: ['a'] } } }, ['backend.host: must be one value']],
    ['null where a value belongs', { file: { backend: { host: null } } }, ['backend.host: must be one value']],
    ['a value where an object belongs', { file: { backend: { tls: 'x' } } }, ['backend.tls: must be an object']],
    ['a section that is a text', { file: { backend: 'x' } }, ['backend: must be an object']],
    ['a section that is a list', { file: { backend: [] } }, ['backend: must be an object']],
    ['a section that is null', { file: { backend: null } }, ['backend: must be an object']],
    ['a file that is a list', { text: '[]' }, ['must be an object with the sections frontend, backend, log']],
    ['a file that is null', { text: 'null' }, ['must be an object with the sections frontend, backend, log']],
    ['a flag for an unknown setting', { set: ['backend.hots=x'] }, ['--set backend.hots: no such setting']],
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
      "unknown section 'bckend'; there are frontend, backend, log",
      'backend.hots: no such setting',
      'backend.tls: must be an object',
      'backend.mode: must be one value',
      '--set backend.nope: no such setting',
      `${portError}: value was "x"`,
      `${flagError}: value was "ture"`,
    ])
  })

  it('leaves the sections of others to them', () => {
    expect(load({ file: { frontend: { whatever: 1 }, log: 'x', backend: { port: 5 } } })).to.include({ port: 5 })
  })

  it('refuses a variable that is meant for a section and names no setting of it', () => {
    const env = {
      ENC_SERVER_BACKEND_PROT: '1',
      ENC_SERVER_BACKEND_TARGET: 'a:1',
      ENC_SERVER_FRONTEND_PROT: '1',
      OTHER: '',
    }
    const sources = { file: { path: '', required: false }, env, overrides: [] }
    expect(() => loadConfig({ backend: backendSchema.backend }, sources)).to.throw(
      'configuration :\n  ENC_SERVER_BACKEND_PROT: no such setting',
    )
  })

  it('says where it is not JSON, without a word of what is there', () => {
    expect(mistakes({ text: '{"backend": {} changed }' })[0]).to.match(/^not JSON, from character 15$/)
    expect(mistakes({ text: 'changed-it' })[0]).to.match(/^not JSON, (or cut off|from character 0)$/)
    expect(mistakes({ text: '' })[0]).to.equal('not JSON, or cut off')
  })

  it('needs the file that was named, and not the default one', () => {
    const absent = { path: `${path}.absent`, required: true }
    const sources = { file: absent, env: {}, overrides: [] }
    expect(() => loadConfig({ backend }, sources)).to.throw(`cannot read ${absent.path} (ENOENT)`)
    const loaded = loadConfig({ backend }, { ...sources, file: { ...absent, required: false } })
    expect(loaded).to.eql({ backend: defaults })
  })

  it('needs to be able to read even the default file when it is there', () => {
    mkdirSync(path)
    const sources = { file: { path, required: false }, env: {}, overrides: [] }
    expect(() => loadConfig({ backend }, sources)).to.throw(`cannot read ${path} (EISDIR)`)
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
          const file = new URL(`../../config/${name}`, import.meta.url).pathname
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
