// The SDK's client as the part store needs it: an endpoint that may be asked, credentials from a file, and bounds to how
// long a request may take and how often it is made.
import type { S3Client } from '@aws-sdk/client-s3'
import type { Secret } from '../../../core/secret.js'
import { checkPlace, refusal, type S3Place } from './place.js'

export type S3Sdk = typeof import('@aws-sdk/client-s3')

export interface S3Connection {
  sdk: S3Sdk
  client: S3Client
}

export interface S3Limits {
  connectMs: number
  /** From the request to the answer's head. */
  requestMs: number
  /** Nothing comes for so long. */
  silenceMs: number
  /** A request is made at most so often. */
  attempts: number
}

export const defaultS3Limits: S3Limits = { connectMs: 2_000, requestMs: 10_000, silenceMs: 10_000, attempts: 3 }

interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

/** Without the parser's words: they may hold a part of the secret. */
function credentialsOf(secret: Secret): Credentials {
  let given: Partial<Record<keyof Credentials, unknown>> | null = null
  try {
    given = JSON.parse(secret.reveal().toString('utf8'))
  } catch {}
  const { accessKeyId, secretAccessKey, sessionToken } = given ?? {}
  const texts = [accessKeyId, secretAccessKey, sessionToken ?? 'none'].every((each) => typeof each === 'string' && each)
  if (!texts) {
    throw refusal(
      'credentialsFile',
      'must hold a JSON object with accessKeyId, secretAccessKey and perhaps sessionToken',
    )
  }
  return given as Credentials
}

/** Rejects with INVALID_REQUEST for settings that cannot work, or would expose what is sent. */
export async function connectS3(place: S3Place, secret: Secret, limits: S3Limits): Promise<S3Connection> {
  checkPlace(place)
  const credentials = credentialsOf(secret) // now: the secret may be closed by the time the SDK is there
  const sdk = await import('@aws-sdk/client-s3') // not at every start: it is large, and few back ends need it
  const client = new sdk.S3Client({
    region: place.region,
    ...(place.endpoint !== '' && { endpoint: place.endpoint }),
    forcePathStyle: place.forcePathStyle,
    credentials,
    maxAttempts: limits.attempts,
    // Checksums in trailers are not understood by every server; parts are verified when they are opened.
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
