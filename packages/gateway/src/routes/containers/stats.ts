import type { StatsResponse } from '@gantry/api/gantry/engine/v1/containers';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import { carryOn } from '../../streams/carry-on';
import { JsonLines } from '../../streams/lines';
import type { Route } from '../../http/exchange';

const newline = Buffer.from('\n');
/** In place of a sample's first brace. */
const osType = Buffer.from('{"os_type":"linux",');
const nothing = Buffer.alloc(0);

export const containerStats: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/stats',
  operation: 'ContainerStats',
  async handle(x, engine) {
    const stream = x.query.flag('stream', true);
    const oneShot = x.query.flag('one-shot');
    if (stream && oneShot) throw invalidArgument('cannot have stream=true and one-shot=true');
    const lines = new JsonLines(x);
    let previous: Buffer = nothing;
    const ask = async function* (): AsyncGenerator<StatsResponse> {
      const again = previous.length > 0;
      try {
        yield* engine.containers.stats(x.ctx, { id: x.params['name'] ?? '', stream, oneShot, previous });
      } catch (error) {
        // removed meanwhile
        if (!again || !isErrorOf(error, 'notFound')) throw error;
      }
    };
    for await (const sample of carryOn(x, engine, ask)) {
      previous = sample.statsJson;
      await lines.writeRaw(
        Buffer.concat([...(x.version.atLeast('1.52') ? [osType, sample.statsJson.subarray(1)] : [sample.statsJson]), newline]),
      );
      if (!stream) break;
    }
    lines.end();
  },
};
