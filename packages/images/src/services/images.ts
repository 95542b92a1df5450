import type { Image, ImagesService } from '@gantry/api/containerd/services/images/v1/images';
import { type Handlers, invalidArgument } from '@gantry/rpc';
import { wireTarget } from '../docker/inspect';
import type { Collector } from '../gc/collector';
import { compileFilters } from '@gantry/oci/filter';
import type { ImageRecord, ImageTable, Target } from '../store/images';
import { microsToTimestamp } from '../store/time';

/** containerd.services.images.v1.Images. */
export function imageHandlers(images: ImageTable, collector: Collector): Handlers<ImagesService> {
  return {
    get: async (ctx, { name }) => ({ image: wireImage(images.get(ctx, name)) }),
    list: async (ctx, { filters }) => ({ images: images.list(ctx, compileFilters(filters)).map(wireImage) }),
    create: async (ctx, { image }) => {
      if (image === undefined) throw invalidArgument('image is missing');
      return { image: wireImage(images.create(ctx, image.name, targetOf(image), image.labels)) };
    },
    update: async (ctx, { image, updateMask }) => {
      if (image === undefined) throw invalidArgument('image is missing');
      const mask = updateMask ?? [];
      const target =
        mask.length > 0 && !mask.some((path) => path === 'target' || path.startsWith('annotations'))
          ? images.get(ctx, image.name).target
          : targetOf(image);
      const updated = images.update(ctx, { name: image.name, labels: image.labels, target }, mask);
      collector.soon();
      return { image: wireImage(updated) };
    },
    delete: async (ctx, { name, sync, target }) => {
      images.delete(ctx, name, target?.digest);
      if (sync) await collector.run({ ungraced: true });
      else collector.soon();
      return {};
    },
  };
}

function targetOf(image: Image): Target {
  const { target } = image;
  if (target === undefined) throw invalidArgument(`image "${image.name}" has no target`);
  return { mediaType: target.mediaType, digest: target.digest, size: Number(target.size), annotations: target.annotations };
}

function wireImage(record: ImageRecord): Image {
  return {
    name: record.name,
    labels: record.labels,
    target: wireTarget(record.target),
    createdAt: microsToTimestamp(record.created),
    updatedAt: microsToTimestamp(record.updated),
  };
}
