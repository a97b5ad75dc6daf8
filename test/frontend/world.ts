// A back end over a real store in a temporary folder, and front ends over it, all in this process. `reopen` closes the
// store, lets a test change its files and opens it again under the same front ends.

import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { openFilePartStore } from '../../src/backend/engines/files/part-store.js'
import { openLevelStore } from '../../src/backend/engines/level/store.js'
import { backendService } from '../../src/backend/service/service.js'
import type { Store } from '../../src/backend/store/store.js'
import { newCall } from '../../src/core/client/client.js'
import { loadConfig } from '../../src/core/config/config.js'
import type { Methods } from '../../src/core/methods.js'
import type { RequestInput } from '../../src/frontend/client.js'
import { type FrontendConfig, frontendSchema } from '../../src/frontend/config.js'
import { type RandomSource, randomSource } from '../../src/frontend/crypto/random.js'
import { parseKeyring } from '../../src/frontend/keys/keyring.js'
import { newKeyringText } from '../../src/frontend/keys/keyring-checksum.js'
import { legacyCalls } from '../../src/frontend/legacy/calls.js'
import { frontendService } from '../../src/frontend/service/service.js'
import type { Backend } from '../../src/frontend/upstream/backend.js'
import { closeVault, openVault, type Vault, type VaultParts } from '../../src/frontend/vault/vault.js'
import type { UserDocument } from '../../src/gen/encserver/v1/backend.js'
import {
  DeleteRecordRequest,
  type DeleteRecordResponse,
  type FrontendServiceServer,
  ListRecordsRequest,
  type ListRecordsResponse,
  ListRecordVersionsRequest,
  type ListRecordVersionsResponse,
  RestoreRecordRequest,
  type RestoreRecordResponse,
  RetrieveRecordRequest,
  type RetrieveRecordResponse,
  StoreRecordRequest,
  type StoreRecordResponse,
} from '../../src/gen/encserver/v1/frontend.js'

export const call = newCall({ timeoutMs: 3_600_000, requestId: 'test' })

/** The defaults of the code, with the changes. */
export function frontendConfig(changes: Partial<FrontendConfig> = {}): FrontendConfig {
  const sources = { file: { path: '', required: false }, env: {}, overrides: [] }
  const { frontend } = loadConfig<{ frontend: FrontendConfig }>({ frontend: frontendSchema.frontend }, sources)
  return { ...frontend, ...changes }
}

export interface FrontEndParts {
  config?: Partial<FrontendConfig>
  /** The world's unless given. */
  keyringText?: string
  random?: RandomSource
  clock?: VaultParts['clock']
  retryLimits?: VaultParts['retryLimits']
  /** What it talks to instead of the world's back end. */
  backend?: Backend
}

/** The front end's methods with all that a request may leave out left out. */
export interface FrontEnd {
  vault: Vault
  service: Methods<FrontendServiceServer>
  store(request: RequestInput<StoreRecordRequest>): Promise<StoreRecordResponse>
  retrieve(request: RequestInput<RetrieveRecordRequest>): Promise<RetrieveRecordResponse>
  delete(request: RequestInput<DeleteRecordRequest>): Promise<DeleteRecordResponse>
  list(request: RequestInput<ListRecordsRequest>): Promise<ListRecordsResponse>
  versions(request: RequestInput<ListRecordVersionsRequest>): Promise<ListRecordVersionsResponse>
  restore(request: RequestInput<RestoreRecordRequest>): Promise<RestoreRecordResponse>
}

export interface World {
  folder: string
  keyringText: string
  backend: Backend
  frontEnd(parts?: FrontEndParts): FrontEnd
  /** The user's document as the store has it; undefined when there is none. */
  userDocument(frontEnd: FrontEnd, userId: string): Promise<UserDocument | undefined>
  reopen(change: (folder: string) => Promise<void>): Promise<void>
  close(): Promise<void>
}

export function keyringText(realm = 'default'): string {
  return newKeyringText(realm, randomSource())
}

/** The same back end, some of its methods replaced. */
export function instead(backend: Backend, methods: Partial<Backend>): Backend {
  return { ...backend, ...methods }
}

export async function openWorld(realm = 'default'): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'enc-server-frontend-'))
  const open = () => openLevelStore({ folder: join(folder, 'store') })
  const parts = await openFilePartStore(join(folder, 'parts'))
  let store: Store = await open()
  let methods = backendService({ store, parts })
  const opened: Vault[] = []
  const backend: Backend = {
    storeEnvelope: (request, context) => methods.storeEnvelope(request, context),
    retrieveEnvelope: (request, context) => methods.retrieveEnvelope(request, context),
    deleteEnvelope: (request, context) => methods.deleteEnvelope(request, context),
    listEnvelopes: (request, context) => methods.listEnvelopes(request, context),
    listEnvelopeVersions: (request, context) => methods.listEnvelopeVersions(request, context),
    storePart: (request, context) => methods.storePart(request, context),
    retrievePart: (request, context) => methods.retrievePart(request, context),
    getStoreInfo: (request, context) => methods.getStoreInfo(request, context),
    bindKeyring: (request, context) => methods.bindKeyring(request, context),
  }
  const text = keyringText(realm)
  return {
    folder,
    keyringText: text,
    backend,
    frontEnd(parts = {}) {
      const random = parts.random ?? randomSource()
      const keyring = parseKeyring(parts.keyringText ?? text)
      const config = frontendConfig({ realm, ...parts.config })
      const { clock, retryLimits } = parts
      const own = { ...(clock && { clock }), ...(retryLimits && { retryLimits }) }
      const vault = openVault({ config, keyring, backend: parts.backend ?? backend, random, ...own })
      opened.push(vault)
      return frontEndOf(vault, config)
    },
    async userDocument({ vault }, userId) {
      const recordIds = vault.ids.records({ userId, recordName: '' })
      return (await backend.retrieveEnvelope({ recordIds, version: 0n }, call)).user
    },
    async reopen(change) {
      await store.close()
      await change(join(folder, 'store'))
      store = await open()
      methods = backendService({ store, parts })
    },
    async close() {
      for (const vault of opened) closeVault(vault)
      await parts.close()
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function frontEndOf(vault: Vault, config: FrontendConfig): FrontEnd {
  const records = frontendService(vault)
  const service = { ...records, ...legacyCalls(config, records) }
  return {
    vault,
    service,
    store: (request) => service.storeRecord(StoreRecordRequest.create(request), call),
    retrieve: (request) => service.retrieveRecord(RetrieveRecordRequest.create(request), call),
    delete: (request) => service.deleteRecord(DeleteRecordRequest.create(request), call),
    list: (request) => service.listRecords(ListRecordsRequest.create(request), call),
    versions: (request) => service.listRecordVersions(ListRecordVersionsRequest.create(request), call),
    restore: (request) => service.restoreRecord(RestoreRecordRequest.create(request), call),
  }
}

/** For `reopen`: all user documents are gone. */
export async function withoutUsers(store: string): Promise<void> {
  const users = new ClassicLevel(join(store, 'users'))
  await users.clear()
  await users.close()
}

/** For `reopen`: all user documents are those of another store. */
export function withUsersOf(other: string): (store: string) => Promise<void> {
  return async (store) => {
    await rm(join(store, 'users'), { recursive: true })
    await cp(join(other, 'users'), join(store, 'users'), { recursive: true })
  }
}
