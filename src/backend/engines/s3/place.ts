// Where the bucket is, and whether what is sent there is safe on its way.
import { VaultError } from '../../../core/errors.js'
import { isLoopback } from '../../../core/tls/listen.js'

export interface S3Place {
  /** Empty: that of AWS for the region. */
  endpoint: string
  region: string
  bucket: string
  /** Begins every key. */
  prefix: string
  /** The bucket is in the path of a URL, and not in its host name. */
  forcePathStyle: boolean
  /** Allows plain HTTP to another machine. */
  insecure: boolean
}

export function refusal(setting: string, message: string): VaultError {
  return new VaultError('INVALID_REQUEST', { message: `backend.parts.s3.${setting}: ${message}` })
}

/** Throws INVALID_REQUEST for settings that cannot work, or would expose what is sent. */
export function checkPlace({ endpoint, bucket, prefix, insecure }: S3Place): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw refusal('bucket', 'must name a bucket: 3 to 63 lower-case letters, digits, . or -')
  }
  if (!/^[A-Za-z0-9_./-]{0,128}$/.test(prefix)) {
    throw refusal('prefix', 'must be at most 128 letters, digits, _ . / or -')
  }
  if (endpoint === '') return
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw refusal('endpoint', 'must be a URL such as https://s3.example:9000, without a user or a query')
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, '')) && !insecure) {
    throw refusal('endpoint', `${url.hostname} is another machine: use https, or set insecure: true`)
  }
}
