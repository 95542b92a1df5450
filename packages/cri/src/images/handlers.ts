import type { ImageServiceService } from '@gantry/api/runtime/v1/api';
import type { Handlers } from '@gantry/rpc';
import { unknown } from '../failures';
import type { Services } from '../services';
import { configOf, findKnown, listKnown } from './catalog';
import { describeImage } from './describe';
import { imageFilesystem } from './filesystem';
import { pullImage } from './pull';
import { removeImage } from './remove';

/** Images of a message of StreamImages: kubelet's limit of a message is far. */
const PER_MESSAGE = 100;

/** runtime.v1.ImageService on the images service. */
export function imageHandlers(services: Services): Handlers<typeof ImageServiceService> {
  const list: Handlers<typeof ImageServiceService>['listImages'] = async (ctx, { filter }) => {
    const wanted = filter?.image?.image ?? '';
    const all = await listKnown(services, ctx);
    const found = wanted === '' ? all : [findKnown(all, wanted)].filter((image) => image !== undefined);
    return { images: found.map(describeImage) };
  };
  return {
    listImages: list,
    async streamImages(ctx, request, send) {
      const { images } = await list(ctx, request);
      for (let at = 0; at < images.length; at += PER_MESSAGE) await send({ images: images.slice(at, at + PER_MESSAGE) });
    },
    async imageStatus(ctx, { image, verbose }) {
      const wanted = image?.image ?? '';
      if (wanted === '') throw unknown('can not resolve "" locally: an image must be named');
      const found = findKnown(await listKnown(services, ctx), wanted);
      if (found === undefined) return { image: undefined, info: {} };
      const info = { chainID: found.stored.chainId, imageSpec: configOf(found) };
      return { image: describeImage(found), info: verbose ? { info: JSON.stringify(info) } : {} };
    },
    pullImage: (ctx, request) => pullImage(services, ctx, request),
    async removeImage(ctx, { image }) {
      await removeImage(services, ctx, image?.image ?? '');
      return {};
    },
    async imageFsInfo(ctx) {
      return { imageFilesystems: [await imageFilesystem(services, ctx)], containerFilesystems: [] };
    },
  };
}
