import { formatReference } from '@gantry/oci';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { Services } from '../../worker/services';
import type { ImageWish } from './resolver';

/** Makes an image that another namespace has the store's, too. False: there is none. */
export type TakeOver = (ctx: CallContext, wish: Pick<ImageWish, 'reference' | 'platform'>) => Promise<boolean>;

/** From this namespace, as `docker run` does; empty, or the store's own: from none. A store that is not ours knows nothing of it. */
export function takeOverFrom(
  { ownImages, inStore, namespaceNames }: Pick<Services, 'ownImages' | 'inStore' | 'namespaceNames'>,
  from: string,
): TakeOver {
  if (from === '' || from === namespaceNames.store) return () => Promise.resolve(false);
  return async (ctx, { reference, platform: { os, architecture, variant = '' } }) => {
    const platform = { os, architecture, variant, osVersion: '' };
    try {
      await ownImages.adopt(inStore(ctx), { ref: formatReference(reference), platform, from });
      return true;
    } catch (error) {
      if (isErrorOf(error, 'notFound', 'notImplemented')) return false;
      throw error;
    }
  };
}
