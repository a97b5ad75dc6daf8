// The SDK's client: credentials from a file, a checked endpoint, and limits on the time and the number of requests.
import type { S3Client } from '@aws-sdk/client-s3'
import type { Secret } from '../../../core/secret.js'
import { type BucketSettings, checkSettings, settingError } from './bucket-settings.js'

/** The module of the AWS SDK. */
export type S3Sdk = typeof import('@aws-sdk/client-s3')

/** A client, and the module of its commands. */
export interface S3Connection {
  sdk: S3Sdk
  client: S3Client
}

/** Limits of a request. */
export interface S3Limits {
  connectMs: number
  /** From the request to the head of the answer. */
  requestMs: number
  /** The longest silence of a connection. */
  silenceMs: number
  /** How many times the SDK makes a request, the first included. */
  attempts: number
}

/** The limits unless others are given. */
export const defaultLimits: S3Limits = { connectMs: 2_000, requestMs: 10_000, silenceMs: 10_000, attempts: 3 }

interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

/** Throws INVALID_REQUEST without the parser's message, which may quote the secret. */
function parseCredentials(secret: Secret): Credentials {
  let given: Partial<Record<keyof Credentials, unknown>> | null = null
  try {
    given = JSON.parse(secret.reveal().toString('utf8'))
  } catch {}
  const { accessKeyId, secretAccessKey, sessionToken } = given ?? {}
  const texts = [accessKeyId, secretAccessKey, sessionToken ?? 'none'].every((each) => typeof each === 'string' && each)
  if (!texts) {
    throw settingError(
      'credentialsFile',
      'must hold a JSON object with accessKeyId, secretAccessKey and optionally sessionToken',
    )
  }
  return given as Credentials
}

/** Rejects with INVALID_REQUEST for settings that cannot work or that would expose the data on its way. */
export async function connect(settings: BucketSettings, secret: Secret, limits: S3Limits): Promise<S3Connection> {
  checkSettings(settings)
  const credentials = parseCredentials(secret) // before the import: the caller may close the secret meanwhile
  const sdk = await import('@aws-sdk/client-s3') // on demand: the SDK is large, and few back ends use it
  const client = new sdk.S3Client({
    region: settings.region,
    ...(settings.endpoint !== '' && { endpoint: settings.endpoint }),
    ignoreConfiguredEndpointUrls: true, // AWS_ENDPOINT_URL and ~/.aws/config could name another server, in plain text
    forcePathStyle: settings.forcePathStyle,
    credentials,
    maxAttempts: limits.attempts,
    // Not every server understands checksums in trailers; the front end authenticates each part when it opens it.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: limits.connectMs,
      requestTimeout: limits.requestMs,
      socketTimeout: limits.silenceMs,
      throwOnRequestTimeout: true,
    },
  })
  return { sdk, client }
}
