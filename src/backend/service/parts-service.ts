// The methods that carry parts. Each holds a megabyte or two, so fewer of them than of other calls are answered at once.

import { VaultError } from '../../core/errors.js'
import type { Methods } from '../../core/methods.js'
import { admission } from '../../core/server/admission.js'
import type { BackendServiceServer } from '../../gen/encserver/v1/backend.js'
import type { PartLimits } from '../store/part-limits.js'
import type { PartStore } from '../store/part-store.js'
import { validateRetrievePart, validateStorePart } from './validate.js'

export type PartCalls = Pick<Methods<BackendServiceServer>, 'storePart' | 'retrievePart'>

export function partsService(parts: PartStore, { maxInFlight }: PartLimits): PartCalls {
  const room = admission(maxInFlight)
  return {
    storePart: (request, call) =>
      room.run(async () => {
        validateStorePart(request)
        await parts.put(request, call)
        return {}
      }),

    retrievePart: (request, call) =>
      room.run(async () => {
        validateRetrievePart(request)
        const data = await parts.get(request, call)
        if (data === undefined) throw new VaultError('PART_NOT_FOUND')
        return { data }
      }),
  }
}
