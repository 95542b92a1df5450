import { Readable } from 'node:stream';
import { type Descriptor, isNondistributable, parseReference, type Reference, withDefaultTag } from '@gantry/oci';
import { otherRepository, type Registries, type Repository, sourceLabels } from '@gantry/registry';
import { type CallContext, prefixed } from '@gantry/rpc';
import { during } from '../progress/during';
import type { StepProgress } from '../progress/progress';
import type { SessionGroup } from '../session/session';
import { blobLabels, type ContentServices, readBlob, readWhole } from '../worker/blobs';
import { sessionAccess } from './session-access';

/** Documents that a manifest names, not layers. */
const isDocument = ({ mediaType }: Descriptor): boolean => /(manifest|index|manifest\.list)\.v[12]\+json$/.test(mediaType);
const DOCUMENT_LIMIT = 4 << 20;
const TELL_EVERY = 100;

export interface PushWish {
  readonly name: string;
  readonly root: Descriptor;
  /** Every blob that the root leads to, children before those that name them, the root last. */
  readonly blobs: readonly Descriptor[];
  /** No tag is set: the digest is its name. */
  readonly byDigest: boolean;
  readonly insecure: boolean;
}

export interface PushTools {
  readonly services: ContentServices;
  readonly registries: Pick<Registries, 'forPush'>;
}

/** Sends an image to the registry of a name: what it has already, or has in another repository, does not travel again. */
export async function pushImage(
  { services, registries }: PushTools,
  ctx: CallContext,
  wish: PushWish,
  { sessions, progress }: { readonly sessions: SessionGroup; readonly progress: StepProgress },
): Promise<void> {
  const reference = withDefaultTag(parseReference(wish.name));
  try {
    const access = { ...sessionAccess(ctx, sessions), ...(wish.insecure ? { insecure: true } : {}) };
    const repository = await registries.forPush(reference, access, ctx.signal);
    const own = new Map(wish.blobs.map((blob) => [blob.digest, blob]));
    const layers = [...own.values()].filter((blob) => !isDocument(blob) && !isNondistributable(blob.mediaType));
    await during(progress, 'pushing layers', () =>
      Promise.all(layers.map((blob) => pushBlob({ services, repository, reference }, ctx, blob, progress))),
    );
    const documents = [...own.values()].filter(isDocument);
    const label = `pushing manifest for ${wish.name}@${wish.root.digest}`;
    await during(progress, label, async () => {
      for (const document of documents) {
        const bytes = await readWhole(services, ctx, document.digest, DOCUMENT_LIMIT);
        const root = document.digest === wish.root.digest;
        await repository.putManifest(root && !wish.byDigest ? (reference.tag ?? 'latest') : document.digest, bytes, document.mediaType, {
          signal: ctx.signal,
        });
      }
    });
  } catch (error) {
    throw prefixed(error, `failed to push ${wish.name}`);
  }
}

async function pushBlob(
  {
    services,
    repository,
    reference,
  }: { readonly services: ContentServices; readonly repository: Repository; readonly reference: Reference },
  ctx: CallContext,
  blob: Descriptor,
  progress: StepProgress,
): Promise<void> {
  if (await repository.hasBlob(blob.digest, ctx.signal)) return;
  const labels = await blobLabels(services, ctx, blob.digest);
  const from = otherRepository(reference, { ...labels });
  const started = new Date();
  let current = 0;
  let told = 0;
  const tell = (): void => progress.status({ id: `pushing ${blob.digest}`, current, total: blob.size, started });
  async function* counted(offset: number): AsyncGenerator<Buffer> {
    current = offset;
    for await (const chunk of readBlob(services, ctx, blob.digest, offset)) {
      yield chunk;
      current += chunk.length;
      if (Date.now() - told < TELL_EVERY) continue;
      told = Date.now();
      tell();
    }
  }
  tell();
  await repository.upload({
    digest: blob.digest,
    size: blob.size,
    ...(from === undefined ? {} : { from }),
    body: (offset) => Readable.from(counted(offset), { objectMode: false }),
    digestAfter: () => blob.digest,
    signal: ctx.signal,
  });
  progress.status({ id: `pushing ${blob.digest}`, current: blob.size, total: blob.size, started, completed: new Date() });
  const names = sourceLabels(reference, { ...labels });
  await services.content.update(services.inStore(ctx), {
    info: { digest: blob.digest, size: 0n, createdAt: undefined, updatedAt: undefined, labels: { ...names } },
    updateMask: Object.keys(names).map((name) => `labels.${name}`),
  });
}
