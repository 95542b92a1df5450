import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

/** Beyond docker's API, in the form of its kill of a container. */
export const execKill: Route = {
  method: 'POST',
  path: '/exec/{name:.*}/kill',
  operation: 'ExecKill',
  async handle(x, engine) {
    await engine.containers.execKill(detached(x.ctx), { id: x.params['name'] ?? '', signal: x.query.text('signal') });
    sendEmpty(x, 204);
  },
};
