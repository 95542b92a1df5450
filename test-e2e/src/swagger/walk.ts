import { CheckedClient } from './client';
import type { Specification } from './specification';

/** One walk over what a client of every day asks, the errors included. The engine has an image busybox. */
export async function walk(socketPath: string, specification: Specification): Promise<CheckedClient> {
  const client = new CheckedClient(socketPath, specification);
  const name = `swagger-${specification.version.replace('.', '-')}`;
  await client.ask('GET', '/_ping');
  await client.ask('GET', '/version');
  await client.ask('GET', '/info');
  await client.ask('GET', '/images/json');
  await client.ask('GET', '/images/busybox/json');
  await client.ask('GET', '/images/busybox/history');
  await client.ask('GET', '/images/nothing/json');
  await client.ask('POST', `/images/busybox/tag?repo=swagger&tag=${name}`);
  await client.ask('DELETE', `/images/swagger:${name}`);
  await client.ask('POST', '/images/prune');

  await client.ask('POST', '/volumes/create', { body: { Name: name, Labels: { a: 'b' } } });
  await client.ask('GET', '/volumes');
  await client.ask('GET', `/volumes/${name}`);
  await client.ask('GET', '/volumes/nothing');
  await client.ask('POST', '/networks/create', { body: { Name: name } });
  await client.ask('GET', '/networks');
  await client.ask('GET', `/networks/${name}`);

  const created = await client.ask('POST', `/containers/create?name=${name}`, {
    body: {
      Image: 'busybox',
      Cmd: ['sh', '-c', 'echo out; echo err >&2; sleep 600'],
      ExposedPorts: { '80/tcp': {} },
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000 },
      HostConfig: { Binds: [`${name}:/data`], PortBindings: { '80/tcp': [{ HostPort: '' }] }, Tmpfs: { '/t': '' } },
    },
  });
  const { Id: id } = created.json() as { Id: string };
  await client.ask('GET', `/containers/${id}/json?size=1`);
  await client.ask('POST', `/containers/${id}/start`);
  await client.ask('POST', `/containers/${id}/start`);
  await client.ask('GET', '/containers/json?all=1&size=1');
  await client.ask('GET', `/containers/${id}/json`);
  await client.ask('GET', `/containers/${id}/top`);
  await client.ask('GET', `/containers/${id}/stats?stream=0`);
  await client.ask('GET', `/containers/${id}/logs?stdout=1&stderr=1`);
  await client.ask('GET', `/containers/${id}/logs`);
  await client.ask('GET', `/containers/${id}/changes`);
  await client.ask('GET', `/networks/bridge`);
  await client.ask('POST', `/networks/${name}/connect`, { body: { Container: id } });
  await client.ask('GET', `/networks/${name}`);
  await client.ask('POST', `/networks/${name}/disconnect`, { body: { Container: id } });
  const exec = await client.ask('POST', `/containers/${id}/exec`, { body: { Cmd: ['true'], AttachStdout: true } });
  await client.ask('POST', `/exec/${(exec.json() as { Id: string }).Id}/start`, { body: { Detach: true } });
  await client.ask('GET', `/exec/${(exec.json() as { Id: string }).Id}/json`);
  await client.ask('POST', `/containers/${id}/update`, { body: { Memory: 64 << 20, MemorySwap: -1 } });
  await client.ask('HEAD', `/containers/${id}/archive?path=/etc`);
  await client.ask('GET', `/containers/${id}/archive?path=/etc/hostname`);
  await client.ask('POST', `/containers/${id}/pause`);
  await client.ask('POST', `/containers/${id}/unpause`);
  await client.ask('POST', `/containers/${id}/rename?name=${name}-renamed`);
  await client.ask('GET', `/system/df`);
  await client.ask('POST', `/containers/${id}/kill`);
  await client.ask('POST', `/containers/${id}/wait`);
  await client.ask('GET', `/events?since=1&until=${Math.floor(Date.now() / 1000)}`);
  await client.ask('DELETE', `/containers/${id}?v=1`);
  await client.ask('DELETE', `/containers/${id}`);
  await client.ask('POST', '/containers/prune');
  await client.ask('DELETE', `/networks/${name}`);
  await client.ask('POST', '/networks/prune');
  await client.ask('DELETE', `/volumes/${name}`);
  await client.ask('POST', '/volumes/prune');
  return client;
}
