import { expect } from 'chai'
import { VaultError } from '../../../src/core/errors.js'
import { type FrontendClient, frontendClient, KeyMode } from '../../../src/frontend/client.js'
import { answer, refusal } from '../refusal.js'
import { openWire, type Wire } from '../wire.js'
import type { FrontEnd } from '../world.js'

const userId = 'u'
const data = Buffer.from('contents')
const condition = { $case: 'absent' as const, value: true }

describe('the input of the typed client', () => {
  let wire: Wire
  let client: FrontendClient
  let calls = 0

  before(async () => {
    const count = async () => {
      calls += 1
      throw new VaultError('INTERNAL')
    }
    wire = await openWire({ service: new Proxy({}, { get: () => count }) as FrontEnd['service'] })
    client = frontendClient({ address: wire.address })
  })

  after(async () => {
    client.close()
    await wire.close()
  })

  /** The client as JavaScript sees it. */
  const untyped = () => client as unknown as Record<keyof FrontendClient, (...values: unknown[]) => Promise<unknown>>
  const drain = async (items: unknown) => {
    for await (const _ of untyped().storeRecords(items) as unknown as AsyncIterable<unknown>);
  }
  const store = (fields: object) => () => untyped().storeRecord({ userId, data, ...fields })

  const refused: [what: string, field: string, description: RegExp, () => Promise<unknown>][] = [
    [
      'a store without data',
      'data',
      /^must be set; Buffer\.alloc\(0\) stores an empty record$/,
      store({ data: undefined }),
    ],
    ['a misspelled name', 'dat', /^is not known here; .*\bdata\b/, () => untyped().storeRecord({ userId, dat: data })],
    ['a name on the wire', 'user_id', /^is not known here/, store({ user_id: 'u' })],
    [
      'a store with the condition of a read',
      'expectKeyId',
      /^is not known here/,
      store({ expectKeyId: Buffer.alloc(16) }),
    ],
    ['a request without a user', 'userId', /^must be set$/, () => untyped().listRecords({})],
    ['no request', 'request', /^must be an object$/, () => untyped().storeRecord()],
    ['a text as a request', 'request', /^must be an object$/, () => untyped().deleteRecord('u')],
    ['data of text', 'data', /^must be a Buffer or another Uint8Array$/, store({ data: 'text' })],
    ['null as data', 'data', /^must be a Buffer/, store({ data: null })],
    ['a number as a user', 'userId', /^must be a string$/, store({ userId: 42 })],
    [
      'a mode by its name',
      'keyMode',
      /^must be a KeyMode, such as KeyMode\.KEY_MODE_SPLIT$/,
      store({ keyMode: 'server' }),
    ],
    ['a number that is no mode', 'keyMode', /^must be a KeyMode/, store({ keyMode: 9 })],
    ['a date as text', 'expireTime', /^must be a Date$/, store({ expireTime: '2030-01-01' })],
    ['a date that is none', 'expireTime', /^must be a Date$/, store({ expireTime: new Date('x') })],
    ['a fraction', 'keepVersions', /^must be a whole number from 0 to 4294967295$/, store({ keepVersions: 1.5 })],
    [
      'an empty precondition',
      'precondition.condition.$case',
      /^must be 'absent' or 'keyId'$/,
      store({ precondition: {} }),
    ],
    [
      'a misspelled precondition',
      'precondition.absent',
      /^is not known here/,
      store({ precondition: { absent: true } }),
    ],
    [
      'a key id of text',
      'precondition.condition.value',
      /^must be a Buffer/,
      store({ precondition: { condition: { $case: 'keyId', value: '00' } } }),
    ],
    ['attributes of text', 'attributes', /^must be an object$/, store({ attributes: 'image/png' })],
    [
      'a misspelled attribute',
      'attributes.content_type',
      /^is not known here/,
      store({ attributes: { content_type: 'a/b' } }),
    ],
    ['a label of a number', 'attributes.labels', /^must be a string$/, store({ attributes: { labels: { size: 1 } } })],
    [
      'labels in a list',
      'attributes.labels',
      /^must be an object of strings$/,
      store({ attributes: { labels: ['a'] } }),
    ],
    ['a property that is no name', '(a property)', /^is not known here/, store({ 'my secret': 1 })],
    ['an inherited name', 'toString', /^is not known here/, store({ toString: 1 })],
    ['a version of a number', 'version', /^must be a bigint/, () => untyped().retrieveRecord({ userId, version: 1 })],
    [
      'an offset of a number',
      'offset',
      /^must be a bigint/,
      () => untyped().downloadRecord({ record: { userId }, offset: 10 }),
    ],
    [
      'a negative offset',
      'offset',
      /^must be a bigint/,
      () => untyped().downloadRecord({ record: { userId }, offset: -1n }),
    ],
    ['a download without a record', 'record', /^must be an object$/, () => untyped().downloadRecord({})],
    ['a record beside the download', 'userId', /^is not known here/, () => untyped().downloadRecord({ userId })],
    ['an upload with data', 'data', /^is not known here/, () => untyped().uploadRecord({ userId, data }, [])],
    ['an upload without a source', 'source', /^must be iterable$/, () => untyped().uploadRecord({ userId })],
    ['items that are none', 'items', /^must be iterable$/, () => drain(undefined)],
    ['an item without a record', 'record', /^must be an object$/, () => drain([{ itemId: 'a' }])],
    ['an item with its record inside', 'userId', /^is not known here/, () => drain([{ itemId: 'a', userId, data }])],
    ['an item without data', 'data', /^must be set/, () => drain([{ itemId: 'a', record: { userId } }])],
    ['a walk without a user', 'userId', /^must be set$/, () => client.eachRecord({} as never).next()],
    ['a misspelled option', 'timeout', /^is not known here/, () => untyped().listRecords({ userId }, { timeout: 5 })],
    [
      'a signal that is a controller',
      'signal',
      /^must be an AbortSignal$/,
      () => untyped().listRecords({ userId }, { signal: new AbortController() }),
    ],
    ['an import of text', 'blob', /^must be a Buffer/, () => untyped().importLegacyRecord({ userId, blob: 'ab' })],
  ]
  for (const [what, field, description, ask] of refused) {
    it(`refuses ${what}`, async () => {
      const before = calls
      const error = await refusal(ask())
      expect(error.reason).to.equal('INVALID_REQUEST')
      expect(error.fields[0]?.field).to.equal(field)
      expect(error.fields[0]?.description).to.match(description)
      expect(calls).to.equal(before)
    })
  }

  it('takes what the types allow', async () => {
    const attributes = { contentType: 'image/png', labels: { team: 'a' } }
    const expireTime = new Date(Date.now() + 60_000)
    const full = {
      keyMode: KeyMode.KEY_MODE_SERVER,
      expireTime,
      attributes,
      keepVersions: 1,
      precondition: { condition },
    }
    for (const fields of [
      {},
      { data: new Uint8Array(3) },
      { data: Buffer.alloc(0) },
      { recordName: undefined },
      full,
    ]) {
      expect((await answer(store(fields)())).reason).to.equal('INTERNAL')
    }
  })
})
