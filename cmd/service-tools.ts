// The parts of the services that the operator's program needs; programs import only clients.
import type { ServiceTools } from '../src/cli/enc-server/enc-server.js'
import { diagnose } from '../src/doctor/diagnose.js'
import { removeLevelKeyChecks } from '../src/doctor/level-meta.js'
import { openLevelRecords } from '../src/doctor/level-records.js'
import { verifyKeyring } from '../src/doctor/verify-keyring.js'
import { randomSource } from '../src/frontend/crypto/random.js'
import { createKeyring } from '../src/frontend/keys/keyring-file.js'
import { startVault } from './up.js'

/** Wires the tools of `enc-server`. */
export const serviceTools: ServiceTools = {
  startVault,
  diagnose,
  createKeyring: (path, realm) => createKeyring(path, realm, randomSource()),
  verifyKeyring,
  unbindKeys: removeLevelKeyChecks,
  openStore: openLevelRecords,
}
