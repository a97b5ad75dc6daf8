// A back end without its server: the stores, the methods over them, and the sweeps beside them.
import { newClock } from '../core/clock.js'
import type { Logger } from '../core/log/log.js'
import type { Methods } from '../core/methods.js'
import { logItemFailure } from '../core/server/call-log.js'
import type { BackendServiceServer } from '../gen/encserver/v1/backend.js'
import type { BackendConfig } from './config.js'
import { openStores } from './open-stores.js'
import { refersTo } from './record/versions.js'
import { backendService } from './service/service.js'
import type { Store } from './store/store.js'
import { clockSkew } from './sweep/clock-skew.js'
import { startSweep } from './sweep/expired-sweep.js'
import { partSweep } from './sweep/part-sweep.js'

const clockProblem =
  'the clock was set: until this process starts again, records end by its latest time, and are removed by the earlier'

export interface OpenBackend {
  store: Store
  methods: Methods<BackendServiceServer>
  /** For when no method is called any more. */
  close(): Promise<void>
}

export async function openBackend(config: BackendConfig, log: Logger): Promise<OpenBackend> {
  const stores = await openStores(config, log)
  const { store, parts } = stores
  const clock = newClock()
  const leftOver = (cause: unknown) => log.warn('sweep', { problem: 'something is left for the next pass', cause })
  const sweepOfParts = partSweep({
    parts,
    refersTo: (set, call) => refersTo(store, set, call),
    now: clock.forRemoving,
    limits: config.parts,
    onRemoved: (sets) => log.info('sweep', { removedPartSets: sets }),
    onError: leftOver,
  })
  const { release: released } = sweepOfParts
  const failed = logItemFailure(log, 'batched call')
  const methods = backendService({
    ...stores,
    clock,
    partLimits: config.parts,
    onReleased: released,
    onCallFailure: failed,
    onPruneFailure: leftOver,
  })
  const begins = clockSkew(clock, (lagMs) => log.warn('sweep', { problem: clockProblem, lagMs }))
  const intervalMs = config.sweepIntervalMs
  const removed = (records: number) => log.info('sweep', { removedRecords: records })
  const sweepOfRows = startSweep({
    store,
    clock,
    onReleased: released,
    intervalMs,
    begins,
    onError: leftOver,
    onRemoved: removed,
  })
  sweepOfParts.start()
  return {
    store,
    methods,
    async close() {
      await Promise.all([sweepOfRows.stop(), sweepOfParts.stop()])
      await parts.close()
      await store.close()
    },
  }
}
