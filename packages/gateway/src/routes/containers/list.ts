import { messageCodec } from '@gantry/docker-api';
import { sendJson } from '../../http/answer';
import { readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const containerList: Route = {
  method: 'GET',
  path: '/containers/json',
  operation: 'ContainerList',
  async handle(x, engine) {
    const { query } = x;
    const filters = readFilters(query);
    const { containers } = await engine.containers.list(x.ctx, {
      all: query.flag('all'),
      limit: query.int32('limit') ?? 0,
      size: query.flag('size'),
      filters,
    });
    sendJson(
      x,
      200,
      containers.map((container) => messageCodec('ContainerSummary').write(container, x.version)),
    );
  },
};
