// How a record is printed on the side that cannot open it.
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import { viewEnvelope } from '../beclient/envelope-view.js'
import { hexdump } from './hexdump.js'

const shownBytes = 160

function headerLines(envelope: Buffer): string[] {
  const view = viewEnvelope(envelope)
  if (view === null) return ['  not an envelope of a format this program knows']
  const { formatVersion, suite, mode, chunkBytes, keyId, salt, commitment } = view
  return [
    `  format      ${formatVersion}, ${suite}, mode ${mode}, chunks of ${chunkBytes} bytes`,
    `  key id      ${keyId.toString('hex')}`,
    `  salt        ${salt.toString('hex')}`,
    `  commitment  ${commitment.toString('hex')}`,
  ]
}

function partsText({ partCount }: Pick<SealedRecord, 'partCount'>): string {
  return partCount === 0 ? '' : `, which are in ${partCount} parts`
}

/** One line of a list. */
export function sealedRecordRow(record: SealedRecord): string {
  const { recordId, envelope, version, sizeBytes, storeTime, expireTime, partCount } = record
  return [
    recordId.toString('hex'),
    `version ${version}`,
    `${sizeBytes} bytes`,
    ...(partCount === 0 ? [] : [`${partCount} parts`]),
    storeTime?.toISOString() ?? 'unknown',
    ...(expireTime === undefined ? [] : [`expires ${expireTime.toISOString()}`]),
    `key id ${viewEnvelope(envelope)?.keyId.toString('hex') ?? 'unknown'}`,
  ].join('  ')
}

/** All there is to see of a record, and the first bytes of its envelope. */
export function sealedRecordLines({ recordId, userUid, envelope, entryBox, ...told }: SealedRecord): string[] {
  return [
    `record id     ${recordId.toString('hex')}`,
    `user uid      ${userUid.toString('hex')}`,
    `stored        version ${told.version}, ${told.storeTime?.toISOString() ?? 'at no known time'}`,
    `expires       ${told.expireTime?.toISOString() ?? 'never'}`,
    `entry box     ${entryBox.length} bytes`,
    `envelope      ${envelope.length} bytes for ${told.sizeBytes} bytes of data${partsText(told)}`,
    ...headerLines(envelope),
    told.partCount === 0
      ? '  its first bytes: 88 of header, as above, and then nothing but ciphertext'
      : '  its bytes: 88 of header, as above; the ciphertext is in the parts',
    ...hexdump(envelope, shownBytes).map((line) => `  ${line}`),
  ]
}
