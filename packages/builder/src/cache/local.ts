import { type Descriptor, sha256 } from '@gantry/oci';
import { type CallContext, dataLoss, invalidArgument } from '@gantry/rpc';
import type { CacheExporter } from '../control/needs';
import { clientStore } from '../session/client-store';
import type { Session, SessionGroup } from '../session/session';
import { type ContentServices, readBlob, readWhole, writeBlob } from '../worker/blobs';
import { Attributes, readExportChoice } from './attributes';
import type { CacheOrigin, CacheTarget } from './place';
import { type CacheWriting, writeCache } from './write-cache';

/** No document is larger. */
const MOST_BYTES = 64 << 20;

/** `--cache-to type=local,dest=DIR`: a folder of the client's, through the content store that it serves. */
export function localCacheExporter(writing: CacheWriting): CacheExporter {
  return {
    open(given) {
      const attributes = new Attributes('local', given);
      const folder = attributes.need('dest');
      const choice = readExportChoice(attributes);
      attributes.end();
      return {
        name: 'exporting cache to client directory',
        inline: false,
        export: (ctx, input) =>
          input.job.sessions.any((session) =>
            writeCache(writing, ctx, input, { choice, target: sessionTarget(session, `local:${folder}`) }),
          ),
      };
    },
  };
}

/** `--cache-from type=local,src=DIR`; the client says which manifest of the folder it means. */
export async function localOrigin(
  services: ContentServices,
  ctx: CallContext,
  { given, sessions }: { readonly given: ReadonlyMap<string, string>; readonly sessions: SessionGroup },
): Promise<CacheOrigin> {
  const attributes = new Attributes('local', given);
  const digest = attributes.text('digest');
  if (digest === undefined) throw invalidArgument('local cache importer requires explicit digest');
  const folder = attributes.need('src');
  attributes.text('tag');
  attributes.boolean('mounts', false);
  attributes.end();
  const there = <T>(use: (content: ContentServices) => Promise<T>): Promise<T> =>
    sessions.any((session) => use(clientStore(session, `local:${folder}`)));
  const size = await there(async ({ content }) => Number((await content.info(ctx, { digest })).info?.size ?? 0n));
  return {
    root: { mediaType: '', digest: digest as Descriptor['digest'], size },
    async read(asked, document) {
      const bytes = await there((content) => readWhole(content, asked, document.digest, MOST_BYTES));
      if (sha256(bytes) !== document.digest) throw dataLoss(`the client's ${document.digest} has other bytes`);
      return bytes;
    },
    fetch: (asked, layer) =>
      there((content) => writeBlob(services, asked, layer, { chunks: (offset) => readBlob(content, asked, layer.digest, offset) })),
  };
}

function sessionTarget(session: Session, store: string): CacheTarget {
  const content = clientStore(session, store);
  return {
    write: (ctx, blob, chunks) => writeBlob(content, ctx, blob, { chunks }),
    finish: (ctx, manifest, bytes) =>
      writeBlob(content, ctx, manifest, {
        async *chunks(offset) {
          yield bytes.subarray(offset);
        },
      }),
  };
}
