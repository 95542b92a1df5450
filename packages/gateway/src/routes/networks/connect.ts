import { asMeant, connectRules, networkConnectBody } from '@gantry/docker-api';
import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';

export const networkConnect: Route = {
  method: 'POST',
  path: '/networks/{id:.*}/connect',
  operation: 'NetworkConnect',
  async handle(x, engine) {
    const body = asMeant(connectRules, (await readJson(x, networkConnectBody)) ?? networkConnectBody.zero(), x.version);
    await engine.networks.connectNetwork(detached(x.ctx), {
      networkId: x.params['id'] ?? '',
      containerId: body.Container,
      endpointConfig: body.EndpointConfig,
    });
    sendEmpty(x, 200);
  },
};
