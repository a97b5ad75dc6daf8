// What a vault must hold after its back end was killed, tracked exactly. Each record has one writer, so that at most one
// of its writes is in flight. A write ends in one of three ways: it was acknowledged, and must be there; it was refused,
// and must not be; or its outcome is unknown, and it is there whole or not at all.
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { newCall, VaultError } from '../../src/backend/client.js'
import { KeyMode } from '../../src/frontend/client.js'
import { frontendService } from '../../src/frontend/service/service.js'
import type { Backend } from '../../src/frontend/upstream/backend.js'
import { openVault, type VaultParts } from '../../src/frontend/vault/vault.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import { DeleteRecordRequest, RetrieveRecordRequest, StoreRecordRequest } from '../../src/gen/encserver/v1/frontend.js'

/** One version of a record. */
interface Version {
  keyId: string
  content: string
  /** Undefined for a store whose answer was never seen. */
  token: string | undefined
}

/** A record and what may be there: the version last acknowledged or found, and those of unknown outcome since. */
interface Slot {
  userId: string
  recordName: string
  keyMode: KeyMode
  known: Version | null
  unknown: (Version | null)[]
}

export interface Tally {
  stores: number
  deletes: number
  refused: number
  unknown: number
  tookEffect: number
  checked: number
  lost: string[]
  halfWritten: string[]
}

export interface KillModel {
  /** All writers write until `stop` says so, and have settled when it resolves. */
  write(stop: () => boolean): Promise<void>
  /** Checks every record written since the last check against the store. */
  check(): Promise<void>
  /** Checks every record there ever was. */
  checkAll(): Promise<void>
  readonly tally: Tally
}

const slotsPerUser = 4
const modes = [KeyMode.KEY_MODE_SERVER, KeyMode.KEY_MODE_SPLIT, KeyMode.KEY_MODE_CLIENT]
const sure = ['BACKEND_UNAVAILABLE']
const unsure = ['OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED']

function sha256(...parts: Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

function fingerprint({ envelope, entryBox, userUid, recordId }: SealedRecord): string {
  return sha256(recordId, userUid, envelope, entryBox)
}

const keyIdOf = ({ envelope }: SealedRecord) => envelope.subarray(8, 24).toString('hex')

/** 200 bytes to 20 KiB, as many small ones as large ones. */
function someData(): Buffer {
  return randomBytes(Math.round(200 * 1.0463 ** (Math.random() * 102)))
}

function newSlots(writer: number, life: number): Slot[] {
  const keyMode = modes[writer % modes.length] as KeyMode
  const userId = `writer-${writer}-life-${life}`
  return Array.from({ length: slotsPerUser }, (_, slot) => {
    return { userId, recordName: `record-${slot}`, keyMode, known: null, unknown: [] }
  })
}

export interface KillModelParts extends Omit<VaultParts, 'backend'> {
  /** The connection of the moment. */
  backend(): Backend
  writers: number
}

export function killModel({ writers, backend, ...parts }: KillModelParts): KillModel {
  const sealed = new Map<string, string>() // key id -> fingerprint of what was sent under it
  const sentBy = new Map<string, string[]>() // request id -> key ids
  const storeEnvelope: Backend['storeEnvelope'] = (request, call) => {
    const record = request.record as SealedRecord
    sealed.set(keyIdOf(record), fingerprint(record))
    sentBy.set(call.requestId, [...(sentBy.get(call.requestId) ?? []), keyIdOf(record)])
    return backend().storeEnvelope(request, call)
  }
  const passedOn: Backend = {
    storeEnvelope,
    retrieveEnvelope: (request, call) => backend().retrieveEnvelope(request, call),
    deleteEnvelope: (request, call) => backend().deleteEnvelope(request, call),
    listEnvelopes: (request, call) => backend().listEnvelopes(request, call),
    listEnvelopeVersions: (request, call) => backend().listEnvelopeVersions(request, call),
    storePart: (request, call) => backend().storePart(request, call),
    retrievePart: (request, call) => backend().retrievePart(request, call),
    getStoreInfo: (request, call) => backend().getStoreInfo(request, call),
    bindKeyring: (request, call) => backend().bindKeyring(request, call),
  }
  const vault = openVault({ ...parts, backend: passedOn })
  const service = frontendService(vault)
  const tally: Tally = {
    stores: 0,
    deletes: 0,
    refused: 0,
    unknown: 0,
    tookEffect: 0,
    checked: 0,
    lost: [],
    halfWritten: [],
  }
  const lives = Array.from({ length: writers }, (_, writer) => newSlots(writer, 0))
  const retired: Slot[] = []
  const touched = new Set<Slot>()
  let life = 0

  /** What a failed write may have done. */
  function failed(slot: Slot, error: unknown, outcomes: (Version | null)[]): void {
    if (!(error instanceof VaultError) || ![...sure, ...unsure].includes(error.reason)) throw error
    if (sure.includes(error.reason)) {
      tally.refused += 1
      return
    }
    tally.unknown += 1
    slot.unknown.push(...outcomes)
  }

  async function store(slot: Slot): Promise<void> {
    const { userId, recordName, keyMode } = slot
    const data = someData()
    const content = sha256(data)
    const call = newCall({ timeoutMs: 10_000 })
    try {
      const answer = await service.storeRecord(StoreRecordRequest.create({ userId, recordName, keyMode, data }), call)
      slot.known = { keyId: answer.keyId.toString('hex'), content, token: answer.recordKey }
      slot.unknown = []
      tally.stores += 1
    } catch (error) {
      const keyIds = sentBy.get(call.requestId) ?? []
      failed(
        slot,
        error,
        keyIds.map((keyId) => ({ keyId, content, token: undefined })),
      )
    }
    sentBy.delete(call.requestId)
  }

  async function remove(slot: Slot): Promise<void> {
    const { userId, recordName } = slot
    const request = DeleteRecordRequest.create({ userId, recordName, allowMissing: true })
    try {
      await service.deleteRecord(request, newCall({ timeoutMs: 10_000 }))
      slot.known = null
      slot.unknown = []
      tally.deletes += 1
    } catch (error) {
      failed(slot, error, [null])
    }
  }

  async function writer(slots: Slot[], stop: () => boolean): Promise<void> {
    while (!stop()) {
      const slot = slots[randomInt(slots.length)] as Slot
      touched.add(slot)
      if (slot.known !== null && Math.random() < 0.2) await remove(slot)
      else await store(slot)
    }
  }

  async function checkSlot(slot: Slot): Promise<void> {
    const { userId, recordName, known, unknown } = slot
    const where = `${userId} ${recordName}`
    const { record, user } = await backend().retrieveEnvelope(
      { recordIds: vault.ids.records(slot), version: 0n },
      newCall(),
    )
    const keyId = record ? keyIdOf(record) : undefined
    const found = [known, ...unknown].find((version) => version?.keyId === keyId)
    tally.checked += 1
    if (found === undefined) {
      tally.lost.push(
        `${where}: ${keyId ?? 'absent'}, expected ${[known, ...unknown].map((v) => v?.keyId ?? 'absent')}`,
      )
      return
    }
    if (unknown.includes(found)) tally.tookEffect += 1
    slot.known = found
    slot.unknown = []
    if (found === null || record === undefined) return
    if (user === undefined || fingerprint(record) !== sealed.get(found.keyId)) tally.halfWritten.push(where)
    else await open(slot, found)
  }

  async function open({ userId, recordName, keyMode }: Slot, { token, content }: Version): Promise<void> {
    if (token === undefined && keyMode !== KeyMode.KEY_MODE_SERVER) return // nobody was given its token
    const request = RetrieveRecordRequest.create({ userId, recordName, recordKey: token ?? '' })
    const { data } = await service.retrieveRecord(request, newCall())
    if (sha256(data) !== content) tally.halfWritten.push(`${userId} ${recordName}: contents`)
  }

  async function checkList(slots: Slot[]): Promise<void> {
    const [{ userId }] = slots as [Slot]
    const listed = await service.listRecords({ userId, pageSize: 0, pageToken: '' }, newCall())
    const names = listed.records.map(({ recordName }) => recordName).sort()
    const expected = slots.filter(({ known }) => known !== null).map(({ recordName }) => recordName)
    if (listed.unreadableCount > 0) tally.halfWritten.push(`${userId}: ${listed.unreadableCount} unreadable`)
    if (names.join() !== expected.join()) tally.lost.push(`${userId}: lists ${names}, expected ${expected}`)
  }

  /** Some users are left as they are, and new ones take their writer's place. */
  function renew(): void {
    life += 1
    lives.forEach((slots, writer) => {
      if (writer % 8 !== life % 8) return
      retired.push(...slots)
      lives[writer] = newSlots(writer, life)
    })
  }

  return {
    tally,
    async write(stop) {
      await Promise.all(lives.map((slots) => writer(slots, stop)))
    },
    async check() {
      await Promise.all([...touched].map(checkSlot))
      await Promise.all(lives.map(checkList))
      touched.clear()
      renew()
    },
    async checkAll() {
      const all = [...retired, ...lives.flat()]
      for (let from = 0; from < all.length; from += 256) {
        await Promise.all(all.slice(from, from + 256).map(checkSlot))
      }
    },
  }
}
