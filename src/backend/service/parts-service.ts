// The RPC methods for parts. Each call holds a megabyte or two, so their concurrency has a lower limit of its own.

import { VaultError } from '../../core/errors.js'
import type { Methods } from '../../core/methods.js'
import { admission } from '../../core/server/admission.js'
import type { BackendServiceServer } from '../../gen/encserver/v1/backend.js'
import { partSetNamed } from '../record/part-set.js'
import type { PartLimits } from '../store/part-limits.js'
import type { PartStore } from '../store/part-store.js'
import { validateRetrievePart, validateStorePart } from './validate.js'

/** The methods for parts. */
export type PartCalls = Pick<Methods<BackendServiceServer>, 'storePart' | 'retrievePart'>

/** The methods over this part store; they throw OVERLOADED beyond `maxInFlight` concurrent calls. */
export function partsService(parts: PartStore, { maxInFlight }: PartLimits): PartCalls {
  const inFlight = admission(maxInFlight)
  return {
    storePart: (request, call) =>
      inFlight.run(async () => {
        validateStorePart(request)
        const { partNumber, data } = request
        await parts.put({ ...partSetNamed(request), partNumber, data }, call)
        return {}
      }),

    retrievePart: (request, call) =>
      inFlight.run(async () => {
        validateRetrievePart(request)
        const { partNumber, offset, length } = request
        const data = await parts.get({ ...partSetNamed(request), partNumber, offset, length }, call)
        if (data === undefined) throw new VaultError('PART_NOT_FOUND')
        return { data }
      }),
  }
}
