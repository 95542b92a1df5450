import { join } from 'node:path';
import type { NetworkConfig } from './config';
import { networkDefaults } from './config';
import { TestHost } from './testing/host';
import { connectRequest, context, createRequest, startTestService, type TestService } from './testing/service';
import { newId, ping } from './testing/world';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

/** A real kernel in a namespace of its own: needs root. */
asRoot('the device of the default bridge', () => {
  let host: TestHost;
  let service: TestService | undefined;
  const stop = async (): Promise<void> => {
    await service?.stop();
    service = undefined;
  };
  beforeEach(() => {
    host = new TestHost();
  });
  afterEach(async () => {
    await stop();
    await host.close();
  });

  const start = async (bridge: Partial<NetworkConfig['bridge']>): Promise<TestService> => {
    await stop();
    service = await startTestService(host.directory, { bridge: { ...networkDefaults.bridge, ...bridge } });
    return service;
  };
  const pools = async () =>
    (await service?.client.listNetworks(context(), {}))?.networks.find(({ name }) => name === 'bridge')?.pools ?? [];
  const addresses = (device: string): string[] =>
    [...host.ip('-o', 'addr', 'show', 'dev', device).matchAll(/inet6? (\S+)/g)].map(([, text]) => text ?? '');
  const make = (device: string, ...blocks: string[]): void => {
    host.ip('link', 'add', device, 'type', 'bridge');
    for (const block of blocks) host.ip('addr', 'add', block, 'dev', device, ...(block.includes(':') ? ['nodad'] : []));
    host.ip('link', 'set', device, 'up');
  };

  it('is one of the host’s that says the subnet, keeps its addresses, and stays', async () => {
    make('br0', '10.61.0.88/24', '10.62.0.88/24');
    await start({ name: 'br0', foreign: true, range: '10.62.0.128/25' });
    expect(await pools()).toMatchObject([{ subnet: '10.62.0.0/24', gateway: '10.62.0.88', ipRange: '10.62.0.128/25' }]);
    const sandbox = await host.sandbox();
    const { endpoint } = await (service as TestService).client.connect(
      context(),
      connectRequest({ sandboxId: newId(), netnsPath: sandbox.path }),
    );
    expect(endpoint).toMatchObject({ ipAddress: '10.62.0.128', gateway: '10.62.0.88' });
    await ping(sandbox, '10.62.0.88');
    expect(addresses('br0')).toEqual(expect.arrayContaining(['10.61.0.88/24', '10.62.0.88/24']));
    expect(host.ip('link', 'show', 'br0')).not.toContain('alias');
    await sandbox.end();
    await (service as TestService).client.reconcile(context(), { sandboxes: [], owner: '' });
    await start({ subnet: '10.63.0.1/24' });
    expect(await pools()).toMatchObject([{ subnet: '10.63.0.0/24' }]);
    expect(addresses('br0')).toEqual(expect.arrayContaining(['10.61.0.88/24', '10.62.0.88/24']));
  });

  it('is taken away where none is wanted and nobody has anything on it, and is free then', async () => {
    make('docker0', '10.61.0.88/20');
    host.ip('link', 'add', 'port0', 'type', 'veth', 'peer', 'name', 'port1');
    host.ip('link', 'set', 'port0', 'master', 'docker0');
    await start({ shared: 'docker0', disabled: true });
    expect(host.ip('link', 'show', 'docker0')).toContain('docker0');
    host.ip('link', 'del', 'port0');
    await start({ shared: 'docker0', disabled: true });
    expect(() => host.ip('link', 'show', 'docker0')).toThrow();
    expect(await pools()).toEqual([]);
    const beside = await startTestService(join(host.directory, 'beside'), { bridge: { ...networkDefaults.bridge, shared: 'docker0' } });
    await beside.stop();
    expect(host.ip('link', 'show', 'docker0')).toContain('alias gantry');
  });

  it('must be there, and be a bridge, if it is to be one of the host’s', async () => {
    const words = 'bridge device with non default name br0 must be created manually';
    await expect(start({ name: 'br0', foreign: true })).rejects.toThrow(words);
    host.ip('link', 'add', 'br0', 'type', 'veth', 'peer', 'name', 'br1');
    await expect(start({ name: 'br0', foreign: true })).rejects.toThrow(words);
  });

  it('is taken over with its address where engines follow one another on it, and with another where that is no use', async () => {
    make('docker0', '10.61.0.88/20');
    await start({ shared: 'docker0', range: '10.61.1.0/24' });
    expect(await pools()).toMatchObject([{ subnet: '10.61.0.0/20', gateway: '10.61.0.88', ipRange: '10.61.1.0/24' }]);
    await start({ shared: 'docker0', range: '10.66.1.0/24' });
    expect(await pools()).toMatchObject([{ subnet: '10.66.1.0/24', gateway: '', ipRange: '10.66.1.0/24' }]);
    expect(addresses('docker0')).toEqual(['10.66.1.1/24']);
    await start({ shared: 'docker0', range: '10.66.1.0/24' }); // the device says it now
    expect(await pools()).toMatchObject([{ subnet: '10.66.1.0/24', gateway: '10.66.1.1' }]);
  });

  it('keeps the address of an IPv6 subnet whose prefix alone changes, and that of the link', async () => {
    const at = { shared: 'docker0', ipv6: true };
    await start({ ...at, 'range-v6': 'fd1c:1::/64' });
    const kept = addresses('docker0').find((text) => text.startsWith('fd1c'));
    expect(kept).toBe('fd1c:1::1/64');
    await start({ ...at, 'range-v6': 'fd1c:1::/80' });
    expect(addresses('docker0')).toContain('fd1c:1::1/64');
    await start({ ...at, 'range-v6': 'fe80:1237::/32' });
    expect(addresses('docker0')).toContain('fe80:1237::1/32');
    await start({ ...at, 'range-v6': 'fe80:1238::/64' });
    expect(addresses('docker0')).toContain('fe80:1238::1/64');
    expect(addresses('docker0')).not.toContain('fe80:1237::1/32');
  });

  it.each(['fe80::/64', 'fe80:1234::/64'])('and other networks may be of the link: %s', async (subnet) => {
    const { client } = await start({});
    const pool = { subnet, gateway: '', ipRange: '', auxAddresses: {}, configured: true };
    await client.createNetwork(context(), createRequest({ name: 'link', enableIpv6: true, pools: [pool as never] }));
    const [one, two] = [await host.sandbox(), await host.sandbox()];
    const joined = [];
    for (const { path } of [one, two])
      joined.push(await client.connect(context(), connectRequest({ networkRef: 'link', sandboxId: newId(), netnsPath: path })));
    await ping(two, `${joined[0]?.endpoint?.ipv6Address ?? ''}%eth0`);
    await ping(one, `${joined[0]?.endpoint?.ipv6Gateway ?? ''}%eth0`);
  });
});
