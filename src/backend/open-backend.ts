// A back end without its server: the stores, the methods over them, and the sweep beside them.

import { newClock } from '../core/clock.js'
import type { VaultError } from '../core/errors.js'
import type { Logger } from '../core/log.js'
import type { Methods } from '../core/methods.js'
import { partNote } from '../core/serving.js'
import type { BackendServiceServer } from '../gen/encserver/v1/backend.js'
import type { BackendConfig } from './config.js'
import { openStores } from './open-store.js'
import { refersTo } from './refers-to.js'
import { backendService } from './service.js'
import type { Store } from './store.js'
import { partSweep } from './sweep-parts.js'

export interface OpenBackend {
  store: Store
  methods: Methods<BackendServiceServer>
  /** For when no method is called any more. */
  close(): Promise<void>
}

export async function openBackend(config: BackendConfig, log: Logger): Promise<OpenBackend> {
  const { store, parts } = await openStores(config, log)
  const clock = newClock()
  const sweep = partSweep({
    parts,
    refersTo: (set, call) => refersTo(store, set, call),
    now: clock.forRemoving,
    limits: config.parts,
    removed: (sets) => log.info('sweep', { removedPartSets: sets }),
    failed: (cause) => log.warn('sweep', { problem: (cause as VaultError).message, cause }),
  })
  sweep.start()
  return {
    store,
    methods: backendService({ store, parts, partLimits: config.parts, failed: partNote(log, 'batched call') }),
    async close() {
      await sweep.stop()
      await parts.close()
      await store.close()
    },
  }
}
