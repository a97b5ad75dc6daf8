// feclient trial: stores, retrieves, compares and deletes the unnamed record of user JTH, eight times PAYLOADS (the test data
// of the earlier services). It overwrites no record and leaves none behind.
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

/** Adds `feclient trial`, the default subcommand. */
export function addTrial(program: Command, session: Session): void {
  const command = program
    .command('trial', { isDefault: true })
    .description(
      'Check that the vault works: store, retrieve and delete a record of user JTH. This is the default command.',
    )
  withExamples(addFrontendFlags(command), ['feclient', 'feclient --address 127.0.0.1:7000'])
  defaultAction(command, (flags: ConnectionFlags) => runTrial(flags, session))
}

async function runTrial(flags: ConnectionFlags, session: Session): Promise<void> {
  const { terminal } = session
  await printLine(`feclient: trial against ${channelOf(flags, frontendTarget, terminal.env).address}`, terminal)
  const step = trialSteps(session)
  await withFrontend(flags, session, (client, options) => roundTrip({ client, options, step }))
  await printLine('feclient: the trial passed', terminal)
}

async function roundTrip({ client, options, step }: Trial): Promise<void> {
  const { recordKey, keyId } = await step(
    'store',
    () => storeNew(client, options),
    (stored) => `${data.length} bytes of user ${userId}, version ${stored.version}`,
  )
  const retrieve = () => client.retrieveRecord({ userId, recordKey }, options)
  const retrieved = await step('retrieve', retrieve, (found) => `${found.data.length} bytes`)
  const sameText = () => `the retrieved data is unchanged: ${data.subarray(0, 16)}...`
  await step('compare', async () => assertSameBytes(retrieved.data, data), sameText)
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
    const message = `user ${userId} already has an unnamed record, and the trial overwrites none: \`feclient delete --user ${userId} --unnamed\` deletes it`
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
  throw trialFailure('the deleted record is still there')
}
