// A back end that keeps every version it was given, for tests that swap and relabel them.
import type { Backend } from '../../src/frontend/upstream/backend.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import { instead } from './world.js'

export interface KeepingBackend {
  backend: Backend
  /** Of the record of that id, the newest first; a test may change it. */
  kept(recordId: Buffer): SealedRecord[]
  /** What each store asked for. */
  /** What was told with each store: how many to keep, and how many unless the record was told otherwise. */
  keepVersions: [number, number][]
}

export function keepingBackend(under: Backend): KeepingBackend {
  const rows = new Map<string, SealedRecord[]>()
  const keepVersions: [number, number][] = []
  const kept = (recordId: Buffer) => {
    const name = recordId.toString('hex')
    const found = rows.get(name) ?? []
    rows.set(name, found)
    return found
  }
  const backend = instead(under, {
    async storeEnvelope(request, call) {
      const response = await under.storeEnvelope(request, call)
      const { result } = response
      keepVersions.push([request.keepVersions, request.defaultKeepVersions])
      if (request.record && result?.$case === 'stored') {
        kept(request.record.recordId).unshift({ ...request.record, ...result.value })
      }
      return response
    },
    async retrieveEnvelope(request, call) {
      const answer = await under.retrieveEnvelope({ ...request, version: 0n }, call)
      if (request.version === 0n) return answer
      const record = kept(request.recordIds[0]!).find(({ version }) => version === request.version)
      return { record, user: answer.user }
    },
    async listEnvelopeVersions({ recordIds }, call) {
      const { user } = await under.retrieveEnvelope({ recordIds, version: 0n }, call)
      const records = kept(recordIds[0]!).map((row) => ({ ...row, envelope: row.envelope.subarray(0, 88) }))
      return { records, user }
    },
  })
  return { backend, kept, keepVersions }
}
