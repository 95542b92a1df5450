import { writeImageSummary } from '@gantry/docker-api';
import { invalidArgument } from '@gantry/rpc';
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
    const manifests = query.flag('manifests');
    const identity = query.flag('identity');
    if (identity && !manifests) throw invalidArgument('conflicting options: identity requires manifests=1');
    const { images } = await engine.images.listImages(x.ctx, {
      all: query.flag('all'),
      filters,
      sharedSize: query.flag('shared-size'),
      digests: query.flag('digests'),
      manifests,
      identity,
    });
    sendJson(
      x,
      200,
      images.map((image) => writeImageSummary(image, x.version)),
    );
  },
};
