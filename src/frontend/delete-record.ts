// Deletes a record. Who is content with a record that is absent need not know whose try removed it.
import { VaultError } from '../core/errors.js'
import type { CallContext } from '../core/methods.js'
import type { DeleteEnvelopeRequest } from '../gen/encserver/v1/backend.js'
import type { DeleteRecordRequest, DeleteRecordResponse } from '../gen/encserver/v1/frontend.js'
import type { Vault } from './vault.js'

/** Rejects with RECORD_NOT_FOUND and PRECONDITION_FAILED, and with OUTCOME_UNKNOWN if a try that broke may have done it. */
export async function deleteRecord(
  { backend }: Vault,
  { request, ...place }: { request: DeleteRecordRequest; recordIds: Buffer[] },
  call: CallContext,
): Promise<DeleteRecordResponse> {
  const { allowMissing, expectKeyId } = request
  const envelope: DeleteEnvelopeRequest = { ...place, expectKeyId }
  const remove = () => backend.deleteEnvelope(envelope, call)
  const again = allowMissing && expectKeyId.length === 0
  const { deleted } = await remove().catch((error: unknown) => {
    if (again && error instanceof VaultError && error.reason === 'OUTCOME_UNKNOWN') return remove()
    throw error
  })
  if (!deleted && !allowMissing) throw new VaultError('RECORD_NOT_FOUND')
  return { deleted }
}
