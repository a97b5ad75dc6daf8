// Whether records of the earlier services can be imported. That is a door for old keys and for a format that commits to
// nothing, so it is shut unless opened, and shuts by itself on a day that must be named when it is opened.
import { invalidField, VaultError } from '../../core/errors.js'

export interface LegacyImportConfig {
  enabled: boolean
  /** The last day, as in 2026-12-31; empty for none. */
  until: string
}

export interface LegacyImport {
  /** Throws NOT_SUPPORTED, saying why, unless the import is open at that time. */
  refuseUnlessOpen(nowMs: number): void
}

const dayMs = 86_400_000

/** Throws INVALID_REQUEST when it is enabled without an end. */
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
