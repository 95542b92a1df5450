import { type Descriptor, formatReference, type Platform, type Reference } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import type { LazyLayer, Refs } from '../../refs/ref';
import type { StepContext } from '../../solver/op';
import type { ImageDocuments } from './documents';
import type { ResolvedImage } from './resolver';

/**
 * Images of the store that builds have found. Until the last of those builds is over their layers stay, and who names one by its repository and digest finds it, whatever becomes
 * of its name: a prune takes no build's parents away.
 */
export class HeldImages {
  private readonly images = new Map<string, { readonly image: ResolvedImage; holders: number }>();

  constructor(private readonly refs: Pick<Refs, 'ofLayers' | 'secure'>) {}

  find(reference: Reference, platform: Platform): ResolvedImage | undefined {
    return reference.digest === undefined ? undefined : this.images.get(keyOf(reference, reference.digest, platform))?.image;
  }

  /** Errors: notFound where a part of it has gone meanwhile. */
  async hold(
    step: StepContext,
    { reference, platform }: { reference: Reference; platform: Platform },
    image: ResolvedImage,
  ): Promise<void> {
    const { call, progress } = step;
    const layers = layersOf(image.documents).map((layer): LazyLayer => ({
      ...layer,
      fetch: (ctx: CallContext) => image.place.fetch(ctx, layer.blob, progress),
    }));
    const tree = await this.refs.ofLayers(call, layers, { description: `pulled from ${formatReference(reference)}` });
    try {
      await this.refs.secure(call, tree);
    } catch (error) {
      tree?.release();
      throw error;
    }
    const key = keyOf(reference, image.documents.root.digest, platform);
    const entry = this.images.get(key) ?? { image, holders: 0 };
    this.images.set(key, entry);
    entry.holders++;
    step.hold({
      release: () => {
        if (--entry.holders === 0) this.images.delete(key);
        tree?.release();
      },
    });
  }
}

const keyOf = (
  { domain, path }: Reference,
  digest: string,
  { os, architecture, variant = '', 'os.version': version = '' }: Platform,
): string => [`${domain}/${path}`, digest, os, architecture, variant, version].join(' ');

/** Layers with the digests of their tars, from the bottom. */
export function layersOf({ manifest, config }: ImageDocuments): readonly { readonly blob: Descriptor; readonly diffId: string }[] {
  return manifest.layers.map((blob, at) => ({ blob, diffId: config.rootfs.diff_ids[at] ?? '' }));
}
