import type { CallContext } from '@gantry/rpc';
import { clientStore } from '../../session/client-store';
import type { Session } from '../../session/session';
import { blobLabels, type ContentServices, readBlob, writeBlob } from '../../worker/blobs';
import type { WrittenDocuments } from '../image/documents';

/** Copies all blobs of an image into the client's store; what is there already stays. */
export async function copyToClient(
  services: ContentServices,
  ctx: CallContext,
  session: Session,
  { blobs }: WrittenDocuments,
): Promise<void> {
  const target = clientStore(session, 'export');
  for (const blob of blobs) {
    if ((await blobLabels(target, ctx, blob.digest)) !== undefined) continue;
    await writeBlob(target, ctx, blob, { chunks: (offset) => readBlob(services, ctx, blob.digest, offset) });
  }
}
