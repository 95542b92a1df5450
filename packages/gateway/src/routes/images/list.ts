import { writeImageSummary } from '@gantry/docker-api';
import { sendJson } from '../../http/answer';
import { readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const imageList: Route = {
  method: 'GET',
  path: '/images/json',
  operation: 'ImageList',
  async handle(x, engine) {
    const { query } = x;
    const filters = readFilters(query);
    // before 1.41 a pattern of names had a parameter of its own
    if (query.text('filter') !== '') filters['reference'] = { values: [...(filters['reference']?.values ?? []), query.text('filter')] };
    const { images } = await engine.images.listImages(x.ctx, {
      all: query.flag('all'),
      filters,
      sharedSize: query.flag('shared-size'),
      digests: query.flag('digests'),
      manifests: query.flag('manifests'),
    });
    sendJson(
      x,
      200,
      images.map((image) => writeImageSummary(image, x.version)),
    );
  },
};
