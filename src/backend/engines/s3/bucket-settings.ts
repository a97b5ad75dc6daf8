// The settings of a bucket, and the check that the data sent there is protected on its way.
import { VaultError } from '../../../core/errors.js'
import { isLoopback } from '../../../core/tls/listen.js'

/** A bucket, and how to address it. */
export interface BucketSettings {
  /** The server's URL; empty for the endpoint of AWS in the region. */
  endpoint: string
  region: string
  bucket: string
  /** The beginning of every key. */
  prefix: string
  /** True to put the bucket into the path of a URL, not into its host name. */
  forcePathStyle: boolean
  /** True to allow plain HTTP to another machine. */
  insecure: boolean
}

/** The error for a setting that cannot work. */
export function settingError(setting: string, message: string): VaultError {
  return new VaultError('INVALID_REQUEST', { message: `backend.parts.s3.${setting}: ${message}` })
}

/** Throws INVALID_REQUEST for settings that cannot work or that would expose the data on its way. */
export function checkSettings({ endpoint, bucket, prefix, insecure }: BucketSettings): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw settingError('bucket', 'must name a bucket: 3 to 63 lower-case letters, digits, . or -')
  }
  if (!/^[A-Za-z0-9_./-]{0,128}$/.test(prefix)) {
    throw settingError('prefix', 'must be at most 128 letters, digits, _ . / or -')
  }
  if (endpoint === '') return
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw settingError('endpoint', 'must be a URL such as https://s3.example:9000, without a user or a query')
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, '')) && !insecure) {
    throw settingError('endpoint', `${url.hostname} is another machine: use https, or set insecure: true`)
  }
}
