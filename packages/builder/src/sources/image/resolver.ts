import { familiarString, formatReference } from '@gantry/oci';
import type { Registries } from '@gantry/registry';
import { isErrorOf, notFound } from '@gantry/rpc';
import { during } from '../../progress/during';
import type { StepContext } from '../../solver/op';
import { DocumentCache } from './document-cache';
import { type ImageDocuments, readImage } from './documents';
import type { HeldImages } from './held-images';
import type { ImageIdentifier } from './identifier';
import type { ImagePlace } from './place';
import { registryPlace } from './registry-place';
import { storePlace, type StoreServices } from './store-place';
import type { TakeOver } from './take-over';

export type ImageWish = Pick<ImageIdentifier, 'reference' | 'platform' | 'mode'>;

export interface ResolvedImage {
  readonly documents: ImageDocuments;
  readonly place: ImagePlace;
}

/** Finds what a reference means. */
export interface ImageResolver {
  resolve(step: StepContext, wish: ImageWish): Promise<ResolvedImage>;
}

/** The store first, unless the registry is asked for by name (`--pull`), and what can be taken over into it; where it has not what is wanted, the registry. What the store has is held. */
export function makeImageResolver(
  services: StoreServices,
  registries?: Pick<Registries, 'find'>,
  held?: Pick<HeldImages, 'find' | 'hold'>,
  takeOver: TakeOver = () => Promise.resolve(false),
): ImageResolver {
  const cache = new DocumentCache();
  const fromStore = async (step: StepContext, wish: ImageWish): Promise<ResolvedImage | undefined> => {
    const { reference, platform, mode } = wish;
    const ctx = step.call;
    if (mode === 'pull') return undefined;
    const known = held?.find(reference, platform);
    const here = (): Promise<ImagePlace | undefined> => storePlace(services, ctx, reference);
    const place = known?.place ?? (await here()) ?? ((await takeOver(ctx, wish)) ? await here() : undefined);
    if (place === undefined) return undefined;
    try {
      const image = known ?? { documents: await readImage(place.read(ctx), place.root, platform), place };
      await held?.hold(step, wish, image);
      return image;
    } catch (error) {
      // Another platform of it was pulled, or a part of it is not here: the registry may have it.
      if (registries !== undefined && isErrorOf(error, 'notFound')) return undefined;
      throw error;
    }
  };
  return {
    resolve: (step, wish) =>
      during(step.progress, `resolve ${formatReference(wish.reference)}`, async () => {
        const { reference, platform } = wish;
        const here = await fromStore(step, wish);
        if (here !== undefined) return here;
        if (registries === undefined) throw notFound(`${familiarString(reference)}: not found`);
        const place = await registryPlace({ services, registries, cache }, step, reference);
        return { documents: await readImage(place.read(step.call), place.root, platform), place };
      }),
  };
}
