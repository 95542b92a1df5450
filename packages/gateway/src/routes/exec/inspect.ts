import { messageCodec } from '@gantry/docker-api';
import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const execInspectRoute: Route = {
  method: 'GET',
  path: '/exec/{name:.*}/json',
  operation: 'ExecInspect',
  async handle(x, engine) {
    sendJson(
      x,
      200,
      messageCodec('ExecInspectResponse').write(await engine.containers.execInspect(x.ctx, { id: x.params['name'] ?? '' }), x.version),
    );
  },
};
