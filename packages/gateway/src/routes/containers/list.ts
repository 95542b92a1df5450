import { sendJsonText } from '../../http/answer';
import { readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const containerList: Route = {
  method: 'GET',
  path: '/containers/json',
  operation: 'ContainerList',
  async handle(x, engine) {
    const { query } = x;
    const filters = readFilters(query);
    const parts = engine.containers.list(x.ctx, {
      all: query.flag('all'),
      limit: query.int32('limit') ?? 0,
      size: query.flag('size'),
      filters,
    });
    let rows = '';
    for await (const part of parts) {
      const more = engine.summaries.json(part, x.version);
      rows += rows === '' ? more : `,${more}`;
    }
    sendJsonText(x, 200, `[${rows}]`);
  },
};
