import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const containerTop: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/top',
  operation: 'ContainerTop',
  async handle(x, engine) {
    const { titles, processes } = await engine.containers.top(x.ctx, {
      id: x.params['name'] ?? '',
      psArgs: x.query.text('ps_args') || '-ef',
    });
    sendJson(x, 200, { Titles: titles, Processes: processes.map((row) => row.items) });
  },
};
