// How the tests look at a vault: health, logs, refusals, and plain gRPC calls without our client's retries.
import { readFileSync } from 'node:fs'
import { Client, type ClientOptions, credentials, type ServiceDefinition, type ServiceError } from '@grpc/grpc-js'
import { expect } from 'chai'
import { service as healthService } from 'grpc-health-check'
import type { ChannelConfig } from '../../src/core/client/channel.js'
import { channelCredentials } from '../../src/core/client/channel.js'
import { VaultError } from '../../src/core/errors.js'
import { fromServiceError } from '../../src/core/status.js'
import {
  FrontendServiceService,
  StoreRecordRequest,
  type StoreRecordResponse,
} from '../../src/gen/encserver/v1/frontend.js'
import type { Sandbox } from './processes.js'

/** Waits until the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const end = Date.now() + withinMs
  while (!(await condition())) {
    if (Date.now() > end) expect.fail(`did not happen within ${withinMs} ms: ${condition}`)
    await pause(25)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** The VaultError a promise is rejected with; fails when it is not. */
export async function refusal(promise: Promise<unknown>): Promise<VaultError> {
  const error = await promise.then(
    () => expect.fail('should have been refused'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof VaultError)) throw error
  return error
}

/** The health a server answers for a service, or UNREACHABLE. */
export function health(config: ChannelConfig, service = ''): Promise<string> {
  const client = new Client(config.address, channelCredentials(config), { 'grpc.use_local_subchannel_pool': 1 })
  const { path, requestSerialize, responseDeserialize } = (healthService as unknown as ServiceDefinition)['Check']!
  const deadline = Date.now() + 2_000
  return new Promise<string>((resolve) => {
    const args = [path, requestSerialize, responseDeserialize as (bytes: Buffer) => { status: string }] as const
    client.makeUnaryRequest(...args, { service }, { deadline }, (error, answer) => {
      client.close()
      resolve(error ? 'UNREACHABLE' : (answer as { status: string }).status)
    })
  })
}

/** Watches a server's health; resolves when the server ends the watch. */
export function watchHealth(box: Sandbox, address: string, seen: (status: string) => void): Promise<void> {
  const { path, requestSerialize, responseDeserialize } = (healthService as unknown as ServiceDefinition)['Watch']!
  const client = plainClient(box, address)
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: '' })
  call.on('data', ({ status }: { status: string }) => seen(status))
  return new Promise((resolve) => {
    call.on('error', () => resolve()) // 'end' does not follow an error
    call.on('end', () => resolve())
  })
}

/** A client of gRPC's own: no retries, and the status as it came. */
export function plainClient(box: Sandbox, address: string, options: ClientOptions = {}): Client {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_retries': 0, ...options })
  box.defer(() => client.close())
  return client
}

/** One StoreRecord, made once; rejects with what the server's status says. */
export function storeOnce(
  client: Client,
  request: Partial<StoreRecordRequest>,
  deadline: number,
): Promise<StoreRecordResponse> {
  const { path, requestSerialize, responseDeserialize } = FrontendServiceService.storeRecord
  const full = StoreRecordRequest.create(request)
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, answer?: StoreRecordResponse) =>
      error ? reject(fromServiceError(error)) : resolve(answer as StoreRecordResponse)
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, full, { deadline }, done)
  })
}

export interface LogEvent {
  event: string
  method?: string
  status?: string
  requestId?: string
  ms?: number
  [name: string]: unknown
}

/** The events of a log file, or of standard output. */
export function eventsOf(text: string): LogEvent[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as LogEvent)
}

export function eventsIn(path: string): LogEvent[] {
  return eventsOf(readFileSync(path, 'utf8'))
}

/** Skips with a reason; with CI=true that is a failure. */
export function skip(test: Mocha.Context, reason: string): void {
  if (process.env['CI'] === 'true') expect.fail(`cannot run, and CI=true forbids to skip: ${reason}`)
  process.stdout.write(`    skipped: ${reason}\n`)
  test.skip()
}
