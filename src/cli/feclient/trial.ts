// The trial of the earlier services: user JTH, an unnamed record of eight times PAYLOADS; store, retrieve, compare,
// delete, and then it must be gone. It overwrites nothing and leaves no record behind.
import type { Command } from 'commander'
import type { CallOptions } from '../../core/client/client.js'
import { VaultError } from '../../core/errors.js'
import type { FrontendClient } from '../../frontend/client.js'
import type { Precondition } from '../../gen/encserver/v1/frontend.js'
import { type ConnectionFlags, channelOf } from '../options/connection.js'
import { addFrontendFlags, frontendTarget, withFrontend } from '../options/frontend-call.js'
import { defaultAction, type Session, withExamples } from '../program/program.js'
import { printLine } from '../terminal/output.js'
import { assertSameBytes, type Step, trialFailure, trialSteps } from '../terminal/trial-steps.js'

interface Trial {
  client: FrontendClient
  options: CallOptions
  step: Step
}

const userId = 'JTH'
const data = Buffer.from('PAYLOADS'.repeat(8))
const absent: Precondition = { condition: { $case: 'absent', value: true } }

export function addTrial(program: Command, session: Session): void {
  const command = program
    .command('trial', { isDefault: true })
    .description(
      'Store, get and delete a record of a user of its own, to see that the vault works. What is done without a command.',
    )
  withExamples(addFrontendFlags(command), ['feclient', 'feclient --address 127.0.0.1:7000'])
  defaultAction(command, (flags: ConnectionFlags) => runTrial(flags, session))
}

async function runTrial(flags: ConnectionFlags, session: Session): Promise<void> {
  const { terminal } = session
  printLine(`feclient: trial against ${channelOf(flags, frontendTarget, terminal.env).address}`, terminal)
  const step = trialSteps(session)
  await withFrontend(flags, session, (client, options) => roundTrip({ client, options, step }))
  printLine('feclient: the trial passed', terminal)
}

async function roundTrip({ client, options, step }: Trial): Promise<void> {
  const { recordKey, keyId } = await step(
    'store',
    () => storeNew(client, options),
    (stored) => `${data.length} bytes of user ${userId}, version ${stored.version}`,
  )
  const retrieve = () => client.retrieveRecord({ userId, recordKey }, options)
  const retrieved = await step('retrieve', retrieve, (found) => `${found.data.length} bytes`)
  const same = () => `what came out is what went in: ${data.subarray(0, 16)}...`
  await step('compare', () => assertSameBytes(retrieved.data, data), same)
  await step(
    'delete',
    () => client.deleteRecord({ userId, expectKeyId: keyId }, options),
    () => 'deleted',
  )
  await step(
    'retrieve',
    () => mustBeGone(retrieve),
    () => 'NOT_FOUND, as it must be',
  )
}

async function storeNew(client: FrontendClient, options: CallOptions) {
  try {
    return await client.storeRecord({ userId, data, precondition: absent }, options)
  } catch (error) {
    if (!(error instanceof VaultError) || error.reason !== 'ALREADY_EXISTS') throw error
    const message = `user ${userId} has an unnamed record, and a trial overwrites nothing: \`feclient delete --user ${userId}\` removes it`
    throw new VaultError('ALREADY_EXISTS', { message, cause: error })
  }
}

async function mustBeGone(retrieve: () => Promise<unknown>): Promise<void> {
  try {
    await retrieve()
  } catch (error) {
    if (error instanceof VaultError && error.kind === 'notFound') return
    throw error
  }
  throw trialFailure('the record was deleted, and is still there')
}
