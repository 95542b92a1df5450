import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { invalidArgument } from '@gantry/rpc';
import type { ContentServices } from '../worker/blobs';
import type { Session } from './session';

const KEY = 'buildkit-attachable-store-id';

/** A content store that a client serves in its session under a name. */
export function clientStore(session: Session, id: string): ContentServices {
  // The name travels in a header.
  if (!/^[ -~]*$/.test(id)) throw invalidArgument(`header key "${KEY}" contains value with non-printable ASCII characters`);
  const content = session.client(ContentService);
  const metadata = { [KEY]: [id] };
  return {
    inStore: (ctx) => ctx,
    content: {
      ...content,
      info: (ctx, request, options) => content.info(ctx, request, { ...options, metadata }),
      read: (ctx, request, options) => content.read(ctx, request, { ...options, metadata }),
      write: (ctx, requests, options) => content.write(ctx, requests, { ...options, metadata }),
      update: (ctx, request, options) => content.update(ctx, request, { ...options, metadata }),
    },
  };
}
