// The file that holds MongoDB's URI, and in it a password.
import type { Secret } from '../../core/secret.js'
import { readSecretFile } from './secret-file.js'

/** Reads the URI; throws INVALID_REQUEST with what to do about the file. */
export function readMongoUri(path: string): Promise<Secret> {
  return readSecretFile({ path, setting: 'backend.mongodb.uriFile', holds: 'the MongoDB URI' })
}
