import { asMeant, type ContainerCreateBody, containerCreateBody, createRules, RECURSIVE_READ_ONLY } from '@gantry/docker-api';
import { detectCgroups } from '@gantry/linux';
import { detached, invalidArgument } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { hasBody, readJson } from '../../http/body';
import type { Exchange, Route } from '../../http/exchange';
import { parsePlatform } from '../../http/platform';

export const containerCreate: Route = {
  method: 'POST',
  path: '/containers/create',
  operation: 'ContainerCreate',
  async handle(x, engine) {
    const moved: string[] = [];
    const body = asMeant(createRules, await readCreate(x), x.version, (warning) => moved.push(warning));
    const { HostConfig: host, NetworkingConfig: networking, ...config } = body;
    // Before it could be asked for, no container had a cgroup namespace where cgroups are of version 1, whatever the engine's default.
    if (host?.CgroupnsMode === '' && x.version.within('-1.41') && detectCgroups().mode !== 'v2') host.CgroupnsMode = 'host';
    parsePlatform(x.query.text('platform')); // refused here, passed on as it is
    const { id, warnings } = await engine.containers.create(detached(x.ctx), {
      name: x.query.text('name'),
      platform: x.query.text('platform'),
      config,
      hostConfig: host,
      networkingConfig: networking,
      apiVersion: x.version.text,
      readOnlyNonRecursive: !x.version.within(RECURSIVE_READ_ONLY),
      step: undefined,
    });
    sendJson(x, 201, { Id: id, Warnings: [...warnings, ...moved] });
  },
};

async function readCreate(x: Exchange): Promise<ContainerCreateBody> {
  if (!hasBody(x.request)) throw invalidArgument('invalid JSON: got EOF while reading request body');
  const body = (await readJson(x, containerCreateBody)) ?? containerCreateBody.zero();
  if (!body.configured) throw invalidArgument('config cannot be empty in order to create a container');
  return body;
}
