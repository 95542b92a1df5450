import { invalidArgument } from '@gantry/rpc';
import { JsonLines } from '../../streams/lines';
import type { Route } from '../../http/exchange';

const newline = Buffer.from('\n');

export const containerStats: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/stats',
  operation: 'ContainerStats',
  async handle(x, engine) {
    const stream = x.query.flag('stream', true);
    const oneShot = x.query.flag('one-shot');
    if (stream && oneShot) throw invalidArgument('cannot have stream=true and one-shot=true');
    const lines = new JsonLines(x);
    for await (const sample of engine.containers.stats(x.ctx, { id: x.params['name'] ?? '', stream, oneShot })) {
      await lines.writeRaw(Buffer.concat([sample.statsJson, newline]));
      if (!stream) break;
    }
    lines.end();
  },
};
