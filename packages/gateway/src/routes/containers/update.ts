import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { asMeant, containerUpdateBody, messageCodec, updateRules } from '@gantry/docker-api';
import { detached } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';

export const containerUpdate: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/update',
  operation: 'ContainerUpdate',
  async handle(x, engine) {
    const { Gantry: beyond, ...body } = (await readJson(x, containerUpdateBody)) ?? containerUpdateBody.zero();
    const config: HostConfig = { ...messageCodec('HostConfig').zero(), ...asMeant(updateRules, body, x.version) };
    const { warnings } = await engine.containers.update(detached(x.ctx), {
      id: x.params['name'] ?? '',
      hostConfig: config,
      publish: beyond.Publish,
      unpublish: beyond.Unpublish,
      setEnv: beyond.SetEnv,
      unsetEnv: beyond.UnsetEnv,
      binds: beyond.Binds,
      mounts: beyond.Mounts,
      unmount: beyond.Unmount,
    });
    sendJson(x, 200, { Warnings: warnings.length === 0 ? null : warnings });
  },
};
