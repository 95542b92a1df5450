import { asMeant, messageCodec, networkCreateBody, networkRules } from '@gantry/docker-api';
import { detached, invalidArgument } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';

export const networkCreate: Route = {
  method: 'POST',
  path: '/networks/create',
  operation: 'NetworkCreate',
  async handle(x, engine) {
    const body = asMeant(networkRules, (await readJson(x, networkCreateBody)) ?? networkCreateBody.zero(), x.version);
    if (body.Name.trim() === '') throw invalidArgument('invalid name: name is empty');
    const { id, warning } = await engine.networks.createNetwork(detached(x.ctx), {
      network: { ...messageCodec('Network').zero(), ...body },
    });
    sendJson(x, 201, { Id: id, Warning: warning });
  },
};
