import { connectRequest, context, createRequest } from './testing/service';
import { newId, newWorlds } from './testing/world';

/** A real kernel in a namespace of its own: needs root. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

const POOL = {
  subnet: '10.71.0.0/24',
  gateway: '10.71.0.7',
  ipRange: '10.71.0.128/25',
  auxAddresses: { one: '10.71.0.128' },
  configured: true,
};
const SETTINGS = {
  options: { 'com.docker.network.bridge.enable_icc': 'false' },
  labels: { of: 'config' },
  pools: [POOL],
} as const;

asRoot('networks that are settings for others', () => {
  const world = newWorlds();
  const create = async (name: string, change: Parameters<typeof createRequest>[0] = {}) =>
    (await world.service.client.createNetwork(context(), createRequest({ name, ...change }))).network;

  it('keeps what was asked for and takes nothing of it', async () => {
    const links = world.host.ip('-br', 'link');
    const network = await create('set', { configOnly: true, driver: 'whatever', ...SETTINGS, pools: [...SETTINGS.pools] });
    expect(network).toMatchObject({ driver: 'null', configOnly: true, configFrom: '', ...SETTINGS });
    expect(world.host.ip('-br', 'link')).toBe(links);
    await create('other', { pools: [POOL] }); // the subnet is nobody's
  });

  it('gives its settings to networks that name it, after a restart, too', async () => {
    await create('set', { configOnly: true, ...SETTINGS, pools: [...SETTINGS.pools] });
    await world.restart();
    expect(await create('web', { configFrom: 'set', internal: true, attachable: true })).toMatchObject({
      driver: 'bridge',
      configOnly: false,
      configFrom: 'set',
      internal: true,
      attachable: true,
      ...SETTINGS,
    });
    const sandbox = await world.host.sandbox();
    expect(await world.join(sandbox, { networkRef: 'web' })).toMatchObject({ ipAddress: '10.71.0.129' });
  });

  it('is not removed while a network has its settings, and nothing is connected to it', async () => {
    const client = () => world.service.client;
    await create('set', { configOnly: true });
    await create('web', { configFrom: 'set' });
    await world.restart();
    await expect(client().removeNetwork(context(), { ref: 'set' })).rejects.toMatchObject({
      kind: 'forbidden',
      message: 'error while removing network: configuration network "set" is in use',
    });
    const sandbox = await world.host.sandbox();
    await expect(
      client().connect(context(), connectRequest({ networkRef: 'set', sandboxId: newId(), netnsPath: sandbox.path })),
    ).rejects.toMatchObject({ kind: 'forbidden', message: 'cannot create endpoint on configuration-only network' });
    await client().removeNetwork(context(), { ref: 'web' });
    await client().removeNetwork(context(), { ref: 'set' });
  });

  const operator =
    'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.';
  const own = 'user specified configurations are not supported if the network depends on a configuration network';
  it.each([
    [{ configOnly: true, internal: true }, operator],
    [{ configOnly: true, attachable: true }, operator],
    [{ configOnly: true, scope: 'local' }, operator],
    [{ configOnly: true, configFrom: 'set' }, 'a configuration network cannot depend on another configuration network'],
    [
      { configOnly: true, pools: [{ ...POOL, subnet: 'what' }] },
      'invalid network config:\ninvalid subnet what: invalid CIDR block notation',
    ],
    [{ configFrom: 'nothing' }, 'configuration network "nothing" does not exist'],
    [{ configFrom: 'bridge' }, 'configuration network "bridge" does not exist'],
    [{ configFrom: 'set', pools: [POOL] }, own],
    [{ configFrom: 'set', enableIpv6: true }, own],
    [{ configFrom: 'set', enableIpv4: false }, own],
    [{ configFrom: 'set', labels: { a: 'b' } }, own],
    [{ configFrom: 'set', ipamOptions: { a: 'b' } }, own],
    [{ configFrom: 'set', ipamDriver: 'null' }, own],
    [
      { configFrom: 'set', options: { a: 'b' } },
      'network driver options are not supported if the network depends on a configuration network',
    ],
  ])('refuses %j', async (change, message) => {
    await create('set', { configOnly: true });
    await expect(create('web', change)).rejects.toMatchObject({ message });
  });
});
