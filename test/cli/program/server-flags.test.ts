import { expect } from 'chai'
import { backendSchema } from '../../../src/backend/config.js'
import { configSources } from '../../../src/cli/program/server-flags.js'
import { loadConfig } from '../../../src/core/config/config.js'
import { frontendSchema } from '../../../src/frontend/config.js'

describe('where the configuration comes from', () => {
  it('is, in a clone, the file for this machine, which asks for no certificates', () => {
    const sources = configSources({}, {})
    expect(sources.file).to.deep.equal({ path: 'config/config.cmd.json', required: false })
    const local = { host: '127.0.0.1', tls: { certFile: '', keyFile: '', clientCaFile: '', minVersion: 'TLSv1.3' } }
    for (const [name, schema] of Object.entries({ frontend: frontendSchema, backend: backendSchema })) {
      expect(loadConfig<Record<string, object>>(schema, sources)[name]).to.deep.include(local)
    }
  })

  it('is what the environment names, as containers do, or before that a flag', () => {
    const env = { ENC_SERVER_CONFIG_PATH: 'config/config.json' }
    expect(configSources({}, env).file).to.deep.equal({ path: 'config/config.json', required: true })
    expect(configSources({}, { ENC_SERVER_CONFIG_PATH: '' }).file).to.deep.equal(configSources({}, {}).file)
    expect(configSources({ config: 'other.json' }, env).file.path).to.equal('other.json')
  })
})
