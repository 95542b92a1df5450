import { Network as DockerNetwork } from '@gantry/api/gantry/engine/v1/types';
import { Network } from '@gantry/api/gantry/network/v1/network';
import { Container as DockerContainer } from '@gantry/api/gantry/engine/v1/record';
import { alreadyExists, newContext, notFound } from '@gantry/rpc';
import { memoryEvents } from '../events/testing/memory-events';
import { type NetworksNeeds, networksHandlers } from './service';
import { dockerNetwork } from './shapes';
import { createRequest } from './validate';

const bridge = Network.fromPartial({ id: 'b'.repeat(64), name: 'bridge', driver: 'bridge', predefined: true });
const app = Network.fromPartial({
  id: 'a'.repeat(64),
  name: 'app',
  driver: 'bridge',
  labels: { tier: 'x' },
  created: '2020-01-01T00:00:00Z',
  pools: [{ subnet: '10.1.0.0/16', gateway: '10.1.0.1' }],
});
const busy = Network.fromPartial({
  id: 'c'.repeat(64),
  name: 'busy',
  driver: 'bridge',
  endpoints: [{ id: 'e1', sandboxId: 'f'.repeat(64), name: 'web', ipAddress: '10.2.0.2', ipPrefixLen: 16 }],
});

const web = {
  id: 'f'.repeat(64),
  docker: DockerContainer.fromPartial({ name: 'web', hostConfig: { NetworkMode: 'bridge' }, endpoints: { bridge: {} } }),
};
const hosted = {
  id: 'd'.repeat(64),
  docker: DockerContainer.fromPartial({ name: 'hosted', hostConfig: { NetworkMode: 'host' }, endpoints: { host: {} } }),
};

function setUp() {
  const events = memoryEvents();
  const calls: string[] = [];
  const stored = new Map([bridge, app, busy].map((network) => [network.name, network]));
  const find = (ref: string): Network => {
    const found = [...stored.values()].find(({ id, name }) => name === ref || id.startsWith(ref));
    if (found === undefined) throw notFound(`network ${ref} not found`);
    return found;
  };
  const network = {
    listNetworks: async () => ({ networks: [...stored.values()] }),
    getNetwork: async (_ctx: unknown, { ref }: { ref: string }) => ({ network: find(ref) }),
    removeNetwork: async (_ctx: unknown, { ref }: { ref: string }) => (stored.delete(find(ref).name), { network: undefined }),
    createNetwork: async (_ctx: unknown, request: { name: string }) => {
      if (stored.has(request.name)) throw alreadyExists('taken');
      const made = Network.fromPartial({ ...request, id: 'n1' });
      if (made.configOnly) stored.set(made.name, made);
      return { network: made, warning: '' };
    },
  };
  const containers = [web, hosted];
  const handlers = networksHandlers({
    defaultOptions: {},
    events,
    network: network as unknown as NetworksNeeds['network'],
    records: {
      listDocker: () => containers,
      findDocker: (ref) => containers.find(({ id, docker }) => docker.name === ref || id === ref),
      requireDocker: (ref) => containers.find(({ id, docker }) => docker.name === ref || id === ref) ?? fail(ref),
    },
    containers: {
      connect: async (_ctx, join) => void calls.push(`connect ${join.container.slice(0, 3)} ${join.network.name}`),
      disconnect: async (_ctx, leave) => void calls.push(`disconnect ${leave.container.slice(0, 3)} ${leave.network.name}`),
      forget: async (container, network) => void calls.push(`forget ${container.slice(0, 3)} ${network}`),
    },
  });
  return { handlers, calls, events };
}

function fail(ref: string): never {
  throw notFound(`No such container: ${ref}`);
}

const ctx = newContext();
const values = (filters: Record<string, string[]>) => ({
  filters: Object.fromEntries(Object.entries(filters).map(([key, list]) => [key, { values: list }])),
  containers: false,
});

test.each([
  [{}, ['bridge', 'app', 'busy']],
  [{ type: ['custom'] }, ['app', 'busy']],
  [{ dangling: ['true'] }, ['app']],
  [{ label: ['tier=x'] }, ['app']],
  [{ name: ['us'] }, ['busy']],
  [{ id: ['bbb'] }, ['bridge']],
  [{ driver: ['host'] }, []],
])('list %j', async (filters, wanted) => {
  const { networks } = await setUp().handlers.listNetworks(ctx, values(filters as Record<string, string[]>));
  expect(networks.map(({ Name }) => Name)).toEqual(wanted);
});

test('an unknown filter is refused', async () => {
  await expect(setUp().handlers.listNetworks(ctx, values({ colour: ['x'] }))).rejects.toMatchObject({
    kind: 'invalidArgument',
    message: "invalid filter 'colour'",
  });
});

test('inspect shows the containers', async () => {
  const { network } = await setUp().handlers.inspectNetwork(ctx, { id: 'busy', verbose: false, scope: '' });
  expect(network?.Containers).toEqual({
    ['f'.repeat(64)]: { Name: 'web', EndpointID: 'e1', MacAddress: '', IPv4Address: '10.2.0.2/16', IPv6Address: '' },
  });
});

test.each([
  [{ Name: 'app' }, 'alreadyExists', 'network with name app already exists'],
  [{ Name: 'host' }, 'forbidden', 'operation is not permitted on predefined host network'],
  [{ Name: 'x', Driver: 'host' }, 'forbidden', 'only one instance of "host" network is allowed'],
  [{ Name: '' }, 'invalidArgument', 'network name cannot be empty'],
])('create %j is refused', async (wanted, kind, message) => {
  await expect(setUp().handlers.createNetwork(ctx, { network: DockerNetwork.fromPartial(wanted) })).rejects.toMatchObject({
    kind,
    message,
  });
});

test('drivers that only the network service knows are asked for there', () => {
  const wanted = DockerNetwork.fromPartial({ Name: 'x', Driver: 'weave', IPAM: { Driver: 'ledger', Options: { a: 'b' } } });
  expect(createRequest(wanted)).toMatchObject({ driver: 'weave', ipamDriver: 'ledger', ipamOptions: { a: 'b' } });
});

test('settings for other networks go to the network service, of whatever driver', () => {
  expect(createRequest(DockerNetwork.fromPartial({ Name: 'x', Driver: 'host', ConfigOnly: true, Scope: '' }))).toMatchObject({
    configOnly: true,
    configFrom: '',
    scope: '',
  });
  expect(createRequest(DockerNetwork.fromPartial({ Name: 'y', ConfigFrom: { Network: 'x' } }))).toMatchObject({ configFrom: 'x' });
});

test('a network of several engines has a scope of its own, and shows the engines', async () => {
  expect(createRequest(DockerNetwork.fromPartial({ Name: 'x', Driver: 'overlay', Scope: 'global' }))).toMatchObject({ scope: 'global' });
  for (const [Driver, Scope] of [
    ['overlay', 'local'],
    ['bridge', 'global'],
  ])
    expect(() => createRequest(DockerNetwork.fromPartial({ Name: 'x', Driver: Driver ?? '', Scope: Scope ?? '' }))).toThrow(
      `network x: scope "${Scope}" is not supported`,
    );
  const peers = [{ name: 'one', ip: '192.0.2.1' }];
  expect(dockerNetwork(Network.fromPartial({ name: 'x', scope: 'global', peers }), { containers: true })).toMatchObject({
    Scope: 'global',
    Peers: [{ Name: 'one', IP: '192.0.2.1' }],
  });
  await expect(setUp().handlers.inspectNetwork(ctx, { id: 'busy', verbose: false, scope: 'global' })).rejects.toMatchObject({
    kind: 'notFound',
  });
});

test('remove keeps predefined and busy networks', async () => {
  const { handlers } = setUp();
  await expect(handlers.removeNetwork(ctx, { id: 'bridge' })).rejects.toMatchObject({
    kind: 'forbidden',
    message: 'bridge is a pre-defined network and cannot be removed',
  });
  await expect(handlers.removeNetwork(ctx, { id: 'busy' })).rejects.toMatchObject({
    message: expect.stringContaining('network busy has active endpoints (name:"web" id:"ffffffffffff")'),
  });
});

test('create, remove and prune tell events; prune takes what nobody uses', async () => {
  const { handlers, events } = setUp();
  const seen = events.subscribe({ since: 0n });
  await handlers.createNetwork(ctx, { network: DockerNetwork.fromPartial({ Name: 'new' }) });
  expect(await handlers.pruneNetworks(ctx, values({}))).toEqual({ names: ['app'] });
  const actions: string[] = [];
  for await (const { event } of seen.events) {
    actions.push(`${event.Action} ${event.Actor?.Attributes['name'] ?? ''}`);
    if (actions.length === 3) break;
  }
  expect(actions).toEqual(['create new', 'destroy app', 'prune ']);
});

test('settings for other networks are never pruned, and their end is no event', async () => {
  const { handlers, events } = setUp();
  await handlers.createNetwork(ctx, { network: DockerNetwork.fromPartial({ Name: 'set', ConfigOnly: true }) });
  const seen = events.subscribe({ since: 0n });
  expect(await handlers.pruneNetworks(ctx, values({}))).toEqual({ names: ['app'] });
  await handlers.removeNetwork(ctx, { id: 'set' });
  await handlers.createNetwork(ctx, { network: DockerNetwork.fromPartial({ Name: 'last' }) });
  const actions: string[] = [];
  for await (const { event } of seen.events) {
    actions.push(`${event.Action} ${event.Actor?.Attributes['name'] ?? ''}`);
    if (actions.at(-1) === 'create last') break;
  }
  expect(actions).toEqual(['create set', 'destroy app', 'prune ', 'create last']);
});

test.each([
  ['hosted', 'app', 'invalidArgument', 'container sharing network namespace'],
  ['web', 'bridge', 'forbidden', 'endpoint with name web already exists in network bridge'],
  ['nobody', 'app', 'notFound', 'No such container: nobody'],
  ['web', 'nonet', 'notFound', 'network nonet not found'],
])('connect %s to %s is refused', async (containerId, networkId, kind, message) => {
  await expect(setUp().handlers.connectNetwork(ctx, { networkId, containerId, endpointConfig: undefined })).rejects.toMatchObject({
    kind,
    message: expect.stringContaining(message),
  });
});

test('connect and disconnect go to the containers engine by id', async () => {
  const { handlers, calls } = setUp();
  await handlers.connectNetwork(ctx, { networkId: 'app', containerId: 'web', endpointConfig: undefined });
  await handlers.disconnectNetwork(ctx, { networkId: 'app', containerId: 'web', force: false });
  await handlers.disconnectNetwork(ctx, { networkId: 'busy', containerId: 'gone', force: true });
  expect(calls).toEqual(['connect fff app', 'disconnect fff app', 'disconnect gon busy']);
});
