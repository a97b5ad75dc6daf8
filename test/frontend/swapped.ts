// A back end that lies: it answers from the real store, changed on the way.
import type { RetrieveEnvelopeResponse, SealedRecord, UserDocument } from '../../src/gen/encserver/v1/backend.js'
import { call, type FrontEnd, type FrontEndParts, instead, type World } from './world.js'

/** What the store has of a record and its user; both are there or the test fails. */
export interface Row {
  record: SealedRecord
  user: UserDocument
}

export async function rowOf(world: World, { vault }: FrontEnd, name: Partial<Name> & { userId: string }): Promise<Row> {
  const recordIds = vault.ids.records({ recordName: '', ...name })
  const { record, user } = await world.backend.retrieveEnvelope({ recordIds, version: 0n }, call)
  if (record === undefined || user === undefined) throw new Error('the row is not there')
  return { record, user }
}

interface Name {
  userId: string
  recordName: string
}

/** A front end to which every retrieve is answered so. */
export function answeredWith(
  world: World,
  row: Partial<RetrieveEnvelopeResponse>,
  parts: FrontEndParts = {},
): FrontEnd {
  const retrieveEnvelope = async () => ({ record: undefined, user: undefined, ...row })
  return world.frontEnd({ ...parts, backend: instead(world.backend, { retrieveEnvelope }) })
}

/** The row with some bytes of its envelope replaced. */
export function withEnvelopeBytes({ record, user }: Row, at: number, bytes: number[]): Row {
  const envelope = Buffer.from(record.envelope)
  envelope.set(bytes, at)
  return { record: { ...record, envelope }, user }
}
