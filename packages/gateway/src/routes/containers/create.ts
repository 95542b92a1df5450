import { ContainerConfig, type HostConfig, type NetworkingConfig } from '@gantry/api/gantry/engine/v1/types';
import { containerConfigFields, hostConfig, networkingConfig, optional, struct, text } from '@gantry/docker-api';
import { detached, invalidArgument } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { hasBody, readJson } from '../../http/body';
import type { Exchange, Route } from '../../http/exchange';
import { parsePlatform } from '../../http/platform';

type CreateBody = ContainerConfig & {
  HostConfig: HostConfig | undefined;
  NetworkingConfig: NetworkingConfig | undefined;
  name: string;
  platform: string;
  Runtime: string;
};

/**
 * container.CreateRequest. dockerode repeats its query in the body: `name` and `platform` there must say what the query says. docker-py sends the runtime beside
 * the HostConfig: it is honoured as HostConfig.Runtime.
 */
const createBody = struct<CreateBody>(
  'CreateRequest',
  {
    ...containerConfigFields,
    HostConfig: optional(hostConfig),
    NetworkingConfig: optional(networkingConfig),
    name: text,
    platform: text,
    Runtime: text,
  },
  { goType: 'container.CreateRequest' },
);

export const containerCreate: Route = {
  method: 'POST',
  path: '/containers/create',
  operation: 'ContainerCreate',
  async handle(x, engine) {
    const body = await readCreate(x);
    const { HostConfig: host, NetworkingConfig: networking, name: _name, platform: _platform, Runtime: runtime, ...config } = body;
    parsePlatform(x.query.text('platform')); // refused here, passed on as it is
    const { id, warnings } = await engine.containers.create(detached(x.ctx), {
      name: x.query.text('name'),
      platform: x.query.text('platform'),
      config,
      hostConfig: runtime === '' ? host : { ...(host ?? hostConfig.zero()), Runtime: runtime },
      networkingConfig: networking,
      apiVersion: x.version.text,
    });
    sendJson(x, 201, { Id: id, Warnings: warnings });
  },
};

async function readCreate(x: Exchange): Promise<CreateBody> {
  if (!hasBody(x.request)) throw invalidArgument('invalid JSON: got EOF while reading request body');
  const body = (await readJson(x, createBody)) ?? createBody.zero();
  if (ContainerConfig.encode(body).finish().length === 0) throw invalidArgument('config cannot be empty in order to create a container');
  for (const repeated of ['name', 'platform'] as const) {
    if (body[repeated] !== '' && body[repeated] !== x.query.text(repeated))
      throw invalidArgument(`field ${repeated} is not supported by gantry: it is a query parameter`);
  }
  const inside = body.HostConfig?.Runtime ?? '';
  if (body.Runtime !== '' && inside !== '' && inside !== body.Runtime)
    throw invalidArgument(`field Runtime is not supported by gantry: HostConfig.Runtime says ${inside}`);
  return body;
}
