// A program that uploads, to be killed: node --import tsx uploading.ts ADDRESS USER SEED BYTES
import { frontendClient, KeyMode } from '../../src/frontend/client.js'
import { seededContents } from './seeded-contents.js'

const [address = '', userId = '', seed = '0', bytes = '0'] = process.argv.slice(2)
const client = frontendClient({ address })
const contents = function* () {
  for (const piece of seededContents(Number(seed), Number(bytes))) {
    yield piece
    process.stdout.write('.')
  }
}
await client.uploadRecord({ userId, keyMode: KeyMode.KEY_MODE_SERVER }, contents())
process.stdout.write('stored')
client.close()
