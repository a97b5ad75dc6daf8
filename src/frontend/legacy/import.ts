// The time window in which records of the earlier services can be imported. The import accepts old keys and a format
// without a key commitment, so it is off by default, and the configuration that enables it must name its last day.
import { invalidField, VaultError } from '../../core/errors.js'

/** The settings of the import. */
export interface LegacyImportConfig {
  enabled: boolean
  /** The last day, as in 2026-12-31; empty for none. */
  until: string
}

/** The window of the import. */
export interface LegacyImport {
  /** Throws NOT_SUPPORTED, with the setting that is the cause, unless the import is open at that time. */
  refuseUnlessOpen(nowMs: number): void
}

const dayMs = 86_400_000

/** Throws INVALID_REQUEST if the import is enabled without a last day. */
export function legacyImport({ enabled, until }: LegacyImportConfig): LegacyImport {
  if (enabled && until === '') {
    throw invalidField('frontend.legacyImport.until', 'must be the last day of the import, as in 2026-12-31')
  }
  const endMs = enabled ? Date.parse(`${until}T00:00:00Z`) + dayMs : 0
  return {
    refuseUnlessOpen(nowMs) {
      if (!enabled) throw notOffered('is off (frontend.legacyImport.enabled)')
      if (!(nowMs < endMs)) throw notOffered(`ended on ${until} (frontend.legacyImport.until)`)
    },
  }
}

function notOffered(why: string): VaultError {
  return new VaultError('NOT_SUPPORTED', { message: `the import of the earlier services' records ${why}` })
}
