import { exactNumber } from '@gantry/docker-api';
import { sendJson } from '../../http/answer';
import { readFilters } from '../../http/filters';
import { registryAuth } from '../../http/registry-auth';
import type { Route } from '../../http/exchange';

export const imageSearch: Route = {
  method: 'GET',
  path: '/images/search',
  operation: 'ImageSearch',
  async handle(x, engine) {
    const { query } = x;
    const filters = readFilters(query);
    const { search } = await engine.images.searchImages(x.ctx, {
      search: { term: query.text('term'), limit: query.int32('limit') ?? 0, auth: registryAuth(x) },
      filters,
    });
    sendJson(
      x,
      200,
      (search?.results ?? []).map(({ name, description, starCount, isOfficial, isAutomated }) => ({
        star_count: exactNumber(starCount),
        is_official: isOfficial,
        name,
        is_automated: isAutomated,
        description,
      })),
    );
  },
};
