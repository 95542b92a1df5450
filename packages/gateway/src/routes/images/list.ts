import { writeImageSummary } from '@gantry/docker-api';
import { invalidArgument } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { filterKeys, readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const imageList: Route = {
  method: 'GET',
  path: '/images/json',
  operation: 'ImageList',
  async handle(x, engine) {
    const { query } = x;
    const filters = readFilters(query, filterKeys.images);
    if (query.text('filter') !== '') throw invalidArgument('parameter filter is not supported by gantry: use filters');
    const { images } = await engine.images.listImages(x.ctx, {
      all: query.flag('all'),
      filters,
      sharedSize: x.version.atLeast('1.42') && query.flag('shared-size'),
      digests: query.flag('digests'),
      manifests: x.version.atLeast('1.47') && query.flag('manifests'),
    });
    sendJson(
      x,
      200,
      images.map((image) => writeImageSummary(image, x.version)),
    );
  },
};
