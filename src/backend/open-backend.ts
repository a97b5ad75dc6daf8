// A back end without a server: the stores, the RPC methods over them, and the sweeps in the background.
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
  'the clock was set: until the next start, records expire by its latest time and are removed by its earlier time'

/** An open back end. */
export interface OpenBackend {
  store: Store
  methods: Methods<BackendServiceServer>
  /** Stops the sweeps and closes the stores; must be called when no method is called any more. */
  close(): Promise<void>
}

/** Opens the stores of the configuration and starts the sweeps. */
export async function openBackend(config: BackendConfig, log: Logger): Promise<OpenBackend> {
  const stores = await openStores(config, log)
  const { store, parts } = stores
  const clock = newClock()
  const logLeftover = (cause: unknown) =>
    log.warn('sweep', { problem: 'a clean-up failed; the next pass tries again', cause })
  const sweepOfParts = partSweep({
    parts,
    refersTo: (set, call) => refersTo(store, set, call),
    now: clock.forRemoving,
    limits: config.parts,
    onRemoved: (sets) => log.info('sweep', { removedPartSets: sets }),
    onError: logLeftover,
  })
  const methods = backendService({
    ...stores,
    clock,
    partLimits: config.parts,
    onReleased: sweepOfParts.release,
    onCallFailure: logItemFailure(log, 'batched call'),
    onPruneFailure: logLeftover,
  })
  const sweepOfRecords = startSweep({
    store,
    clock,
    intervalMs: config.sweepIntervalMs,
    beforePass: clockSkew(clock, (lagMs) => log.warn('sweep', { problem: clockProblem, lagMs })),
    onReleased: sweepOfParts.release,
    onRemoved: (records) => log.info('sweep', { removedRecords: records }),
    onError: logLeftover,
  })
  sweepOfParts.start()
  return {
    store,
    methods,
    async close() {
      await Promise.all([sweepOfRecords.stop(), sweepOfParts.stop()])
      await parts.close()
      await store.close()
    },
  }
}
