import type { ResolveSourceMetaRequest, ResolveSourceMetaResponse } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import type { Platform as OpPlatform } from '@gantry/api/pb/ops';
import { chainIds, type Descriptor, type Digest, mediaTypes, parseReference, type Platform } from '@gantry/oci';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import { during } from '../../progress/during';
import type { LazyLayer, Ref, Refs } from '../../refs/ref';
import { clientStore } from '../../session/client-store';
import type { Session, Sessions } from '../../session/session';
import type { StepContext } from '../../solver/op';
import { blobLabels, type ContentServices, readBlob, readWhole, writeBlob } from '../../worker/blobs';
import { checkDocumentSize, DOCUMENT_LIMIT, type ImageDocuments, readImage } from '../image/documents';
import { layerLimitOf, ociPlatform } from '../image/identifier';
import { Lasting } from '../lasting';
import type { Source, SourceInstance } from '../source';

export interface OciLayoutTools {
  readonly refs: Refs;
  readonly sessions: Sessions;
  /** The engine's store. */
  readonly services: ContentServices;
}

const SCHEME = 'oci-layout://';
/** Clients serve layouts beside their other stores. */
const STORE = 'oci:';
/** How long a client that just opened its session may take to be here. */
const SESSION_WAIT = 5000;

interface LayoutIdentifier {
  readonly text: string;
  readonly digest: Digest;
  readonly platform: Platform;
  readonly sessionId: string;
  readonly storeId: string;
  readonly layerLimit: number | undefined;
}

/** Images in a content store that a client serves in its session: `--build-context name=oci-layout://folder`. */
export function makeOciLayoutSource(tools: OciLayoutTools): Source {
  return {
    schemes: ['oci-layout'],
    open: (identifier, attributes, platform) => new LayoutImage(tools, layoutIdentifier(identifier, attributes, platform)),
    resolve: (step, request) => resolveMeta(tools, step, request),
  };
}

function layoutIdentifier(
  identifier: string,
  attributes: Readonly<Record<string, string>>,
  platform: OpPlatform | undefined,
): LayoutIdentifier {
  const text = identifier.slice(SCHEME.length);
  const { digest, path } = parseReference(text);
  if (digest === undefined) throw invalidArgument(`oci-layout source: ${text} names no digest`);
  let sessionId = '';
  let storeId = '';
  let layerLimit: number | undefined;
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'oci.session') sessionId = value;
    else if (key === 'oci.store') storeId = value;
    else if (key === 'oci.layerlimit') layerLimit = layerLimitOf(value);
    else throw invalidArgument(`oci-layout source: unknown attribute ${key}`);
  }
  return {
    text,
    digest: digest as Digest,
    platform: ociPlatform(platform),
    sessionId,
    storeId: storeId === '' ? path : storeId,
    layerLimit,
  };
}

class LayoutImage implements SourceInstance {
  private readonly documents = new Lasting<ImageDocuments>();

  constructor(
    private readonly tools: OciLayoutTools,
    private readonly wish: LayoutIdentifier,
  ) {}

  async key(step: StepContext): Promise<{ readonly key: string; readonly pin: string }> {
    const layers = this.kept(await this.read(step));
    const chain = chainIds(layers.map(({ diffId }) => diffId as Digest)).at(-1);
    return { key: `image:${chain ?? this.wish.digest}`, pin: this.wish.digest };
  }

  async tree(step: StepContext): Promise<Ref | undefined> {
    const layers = this.kept(await this.read(step)).map(({ blob, diffId }): LazyLayer => ({
      blob,
      diffId,
      fetch: async (ctx) => {
        const { services } = this.tools;
        if ((await blobLabels(services, ctx, blob.digest)) !== undefined) return;
        await this.withStore(step, (store) =>
          during(step.progress, blob.digest, () =>
            writeBlob(services, ctx, blob, { chunks: (offset) => readBlob(store, ctx, blob.digest, offset) }),
          ),
        );
      },
    }));
    return this.tools.refs.ofLayers(step.call, layers, { description: `from OCI layout ${this.wish.text}` });
  }

  read(step: StepContext): Promise<ImageDocuments> {
    const { digest, platform, text } = this.wish;
    return this.documents.get(() =>
      during(step.progress, `resolve ${text}`, () =>
        this.withStore(step, async (store) => {
          const { info } = await store.content.info(step.call, { digest });
          const root: Descriptor = { mediaType: mediaTypes.ociManifest, digest, size: Number(info?.size ?? 0n) };
          return readImage(
            (descriptor) => {
              checkDocumentSize(descriptor.size, descriptor.digest);
              return readWhole(store, step.call, descriptor.digest, DOCUMENT_LIMIT);
            },
            root,
            platform,
          );
        }),
      ),
    );
  }

  private kept({ manifest, config }: ImageDocuments): readonly Omit<LazyLayer, 'fetch'>[] {
    return manifest.layers
      .map((blob, at) => ({ blob, diffId: config.rootfs.diff_ids[at] ?? '' }))
      .slice(0, this.wish.layerLimit ?? manifest.layers.length);
  }

  /** The store of the session that was named; of any that waits when it is gone. */
  private async withStore<T>(step: StepContext, use: (store: ContentServices) => Promise<T>): Promise<T> {
    const { sessionId, storeId } = this.wish;
    const within = (session: Session): Promise<T> => use(clientStore(session, `${STORE}${storeId}`));
    const own =
      sessionId === ''
        ? undefined
        : await this.tools.sessions.find(sessionId, SESSION_WAIT).catch((error: unknown) => {
            if (isErrorOf(error, 'notFound')) return undefined;
            throw error;
          });
    return own === undefined ? step.sessions.any(within) : within(own);
  }
}

async function resolveMeta(
  tools: OciLayoutTools,
  step: StepContext,
  { Source: op, Platform: platform, Image: about }: ResolveSourceMetaRequest,
): Promise<ResolveSourceMetaResponse> {
  if (op === undefined) throw invalidArgument('there is no source to resolve');
  const { root, configBytes } = await new LayoutImage(tools, layoutIdentifier(op.identifier, op.attrs, platform)).read(step);
  const Config = about?.NoConfig === true ? Buffer.alloc(0) : configBytes;
  return { Source: op, Image: { Digest: root.digest, Config, AttestationChain: undefined }, Git: undefined, HTTP: undefined };
}
