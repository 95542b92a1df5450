import type { Descriptor, Digest, Reference } from '@gantry/oci';
import { documentType, kindOf, type Reader, type Registries, sourceLabels } from '@gantry/registry';
import { type CallContext, dataLoss } from '@gantry/rpc';
import { sessionAccess } from '../../registry/session-access';
import { blobLabels, readWhole, writeBlob } from '../../worker/blobs';
import type { StepContext } from '../../solver/op';
import { checkDocumentSize, DOCUMENT_LIMIT } from './documents';
import type { DocumentCache } from './document-cache';
import { type ImagePlace, isDocument } from './place';
import type { StoreServices } from './store-place';

const TELL_EVERY = 100;

export interface RegistryTools {
  readonly services: StoreServices;
  readonly registries: Pick<Registries, 'find'>;
  readonly cache: DocumentCache;
}

/** The image as its registry, or a mirror of it, has it now; asked with the credentials of those who wait. */
export async function registryPlace(
  { services, registries, cache }: RegistryTools,
  step: StepContext,
  reference: Reference,
): Promise<ImagePlace> {
  const find = (ctx: CallContext) => registries.find(reference, sessionAccess(ctx, step.sessions), ctx.signal);
  const { repository, manifest } = await find(step.call);
  const { bytes, digest } = manifest;
  const root: Descriptor = {
    mediaType: documentType(bytes, manifest.mediaType, kindOf(bytes, manifest.mediaType, digest)),
    digest: digest as Digest,
    size: bytes.length,
  };
  const scope = `${reference.domain}/${reference.path} ${step.sessions.ids.join(' ')}`;
  cache.put(scope, digest, bytes);
  return {
    root,
    read: (ctx) => (descriptor) =>
      cache.of(scope, descriptor.digest, async () => {
        checkDocumentSize(descriptor.size, descriptor.digest);
        if ((await blobLabels(services, ctx, descriptor.digest)) !== undefined)
          return readWhole(services, ctx, descriptor.digest, DOCUMENT_LIMIT);
        if (isDocument(descriptor)) return (await repository.manifest(descriptor.digest, ctx.signal)).bytes;
        return whole(repository, descriptor, ctx.signal);
      }),
    async fetch(ctx, layer, progress) {
      if ((await blobLabels(services, ctx, layer.digest)) !== undefined) return;
      // The place that was found belonged to the step that resolved; who fetches may be another, with its own time to live.
      const { repository: own } = ctx.signal === step.call.signal ? { repository } : await find(ctx);
      const started = new Date();
      let current = 0;
      let told = 0;
      progress?.status({ id: layer.digest, current, total: layer.size, started });
      async function* counted(offset: number): AsyncGenerator<Buffer> {
        current = offset;
        for await (const chunk of own.blob(layer.digest, layer.size, offset, ctx.signal)) {
          yield chunk;
          current += chunk.length;
          if (Date.now() - told < TELL_EVERY) continue;
          told = Date.now();
          progress?.status({ id: layer.digest, current, total: layer.size, started });
        }
      }
      await writeBlob(services, ctx, layer, { chunks: counted, labels: sourceLabels(reference, {}) });
      progress?.status({ id: layer.digest, current: layer.size, total: layer.size, started, completed: new Date() });
    },
  };
}

async function whole(repository: Reader, { digest, size }: Pick<Descriptor, 'digest' | 'size'>, signal: AbortSignal): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of repository.blob(digest, size, 0, signal)) parts.push(part);
  const bytes = Buffer.concat(parts);
  if (bytes.length !== size) throw dataLoss(`${digest} has ${bytes.length} bytes, ${size} were promised`);
  return bytes;
}
