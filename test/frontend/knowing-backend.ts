// A back end that recognizes the key id of a stored write, as BackendService.StoreEnvelope promises.
import { VaultError } from '../../src/core/errors.js'
import type { Backend } from '../../src/frontend/upstream/backend.js'
import type { KnownEnvelope } from '../../src/gen/encserver/v1/backend.js'
import { instead } from './world.js'

/** The same back end, which answers a store with `known` when its record has the key id under another header. */
export function knowingBackend(under: Backend): Backend {
  return instead(under, {
    storePart: (request, call) =>
      under.storePart(request, call).catch((error: unknown) => {
        if (error instanceof VaultError && error.reason === 'ALREADY_EXISTS') return {}
        throw error
      }),
    async storeEnvelope(request, call) {
      const header = request.record!.envelope.subarray(0, 88)
      const { record, user } = await under.retrieveEnvelope(
        { recordIds: [request.record!.recordId], version: 0n },
        call,
      )
      const answer = (value: Partial<KnownEnvelope>) => {
        const stored = { version: record!.version, storeTime: record!.storeTime }
        return { result: { $case: 'known' as const, value: { record: undefined, user, stored, ...value } } }
      }
      const keyId = header.subarray(8, 24)
      if (record?.replacedKeyIds.some((replaced) => replaced.equals(keyId))) return answer({})
      const current = record?.envelope.subarray(0, 88)
      if (record === undefined || !current?.subarray(8, 24).equals(keyId) || current.equals(header)) {
        return under.storeEnvelope(request, call)
      }
      return answer({ record: { ...record, envelope: current } })
    },
  })
}
