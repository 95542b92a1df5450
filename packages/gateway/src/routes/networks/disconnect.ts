import { networkDisconnectBody } from '@gantry/docker-api';
import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';

export const networkDisconnect: Route = {
  method: 'POST',
  path: '/networks/{id:.*}/disconnect',
  operation: 'NetworkDisconnect',
  async handle(x, engine) {
    const body = (await readJson(x, networkDisconnectBody)) ?? networkDisconnectBody.zero();
    await engine.networks.disconnectNetwork(detached(x.ctx), {
      networkId: x.params['id'] ?? '',
      containerId: body.Container,
      force: body.Force,
    });
    sendEmpty(x, 200);
  },
};
