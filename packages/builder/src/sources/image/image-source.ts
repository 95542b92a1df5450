import type { ResolveSourceMetaRequest, ResolveSourceMetaResponse } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { chainIds, type Digest, formatReference } from '@gantry/oci';
import { dataLoss, invalidArgument } from '@gantry/rpc';
import type { LazyLayer, Ref, Refs } from '../../refs/ref';
import type { StepContext } from '../../solver/op';
import { Lasting } from '../lasting';
import type { Source, SourceInstance } from '../source';
import type { ImageDocuments } from './documents';
import { layersOf } from './held-images';
import { type ImageIdentifier, imageIdentifier, ociPlatform, resolveMode } from './identifier';
import type { ImageResolver, ResolvedImage } from './resolver';

const SCHEME = 'docker-image://';

export interface ImageSourceTools {
  readonly refs: Refs;
  readonly resolver: ImageResolver;
}

/** Images: of the store where they are there, else of their registry. */
export function makeImageSource(tools: ImageSourceTools): Source {
  return {
    schemes: ['docker-image'],
    open: (identifier, attributes, platform) => new Image(tools, imageIdentifier(identifier.slice(SCHEME.length), attributes, platform)),
    resolve: (step, request) => resolveMeta(tools, step, request),
  };
}

class Image implements SourceInstance {
  private readonly resolved = new Lasting<ResolvedImage>();

  constructor(
    private readonly tools: ImageSourceTools,
    private readonly wish: ImageIdentifier,
  ) {}

  async key(step: StepContext): Promise<{ readonly key: string; readonly pin: string }> {
    const { documents } = await this.resolve(step);
    const chain = chainIds(this.kept(documents).map(({ diffId }) => diffId as Digest)).at(-1);
    return { key: `image:${chain ?? documents.manifestDescriptor.digest}`, pin: documents.root.digest };
  }

  async tree(step: StepContext): Promise<Ref | undefined> {
    const { documents, place } = await this.resolve(step);
    const { reference, recordType } = this.wish;
    const layers = this.kept(documents).map(({ blob, diffId }): LazyLayer => ({
      blob,
      diffId,
      fetch: (ctx) => place.fetch(ctx, blob, step.progress),
    }));
    return this.tools.refs.ofLayers(step.call, layers, { description: `pulled from ${formatReference(reference)}`, type: recordType });
  }

  private kept(documents: ImageDocuments): readonly Omit<LazyLayer, 'fetch'>[] {
    return layersOf(documents).slice(0, this.wish.layerLimit ?? documents.manifest.layers.length);
  }

  private resolve(step: StepContext): Promise<ResolvedImage> {
    const { wish, tools } = this;
    return this.resolved.get(async () => {
      const found = await tools.resolver.resolve(step, wish);
      const { digest } = found.documents.root;
      if (wish.checksum !== undefined && wish.checksum !== digest)
        throw dataLoss(`image digest ${digest} for ${formatReference(wish.reference)} does not match expected checksum ${wish.checksum}`);
      return found;
    });
  }
}

async function resolveMeta(
  { resolver }: ImageSourceTools,
  step: StepContext,
  { Source, Platform, ResolveMode, Image: about }: ResolveSourceMetaRequest,
): Promise<ResolveSourceMetaResponse> {
  if (Source === undefined) throw invalidArgument('there is no source to resolve');
  const wish = imageIdentifier(Source.identifier.slice(SCHEME.length), Source.attrs, Platform);
  const mode = ResolveMode === '' ? wish.mode : resolveMode(ResolveMode);
  const { documents } = await resolver.resolve(step, { ...wish, mode, platform: ociPlatform(Platform) });
  return {
    Source,
    Image: {
      Digest: documents.root.digest,
      Config: about?.NoConfig === true ? Buffer.alloc(0) : documents.configBytes,
      AttestationChain: undefined,
    },
    Git: undefined,
    HTTP: undefined,
  };
}
