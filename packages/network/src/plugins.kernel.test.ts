import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectRequest } from '@gantry/api/gantry/network/v1/network';
import { TestHost, type TestSandbox } from './testing/host';
import { TestPlugin } from '@gantry/service/plugins/testing';
import { connectRequest, context, createRequest, startTestService, type TestService } from './testing/service';

const id = (): string => randomBytes(32).toString('hex');
const MAC = 'a0:b1:c2:d3:e4:f5';

describe('plugins', () => {
  let host: TestHost;
  let service: TestService;
  let plugin: TestPlugin;
  const start = () => {
    const plugins = { sockets: join(host.directory, 'plugins'), specs: [] };
    return startTestService(host.directory, { plugins });
  };
  const join_ = async (sandbox: TestSandbox, change: Partial<ConnectRequest>) =>
    service.client.connect(context(), connectRequest({ sandboxId: id(), netnsPath: sandbox.path, ...change }));

  beforeEach(async () => {
    host = new TestHost();
    let subnet = 27;
    plugin = new TestPlugin({
      'Plugin.Activate': { Implements: ['NetworkDriver', 'IpamDriver'] },
      'NetworkDriver.GetCapabilities': { Scope: 'local' },
      'NetworkDriver.CreateNetwork': null,
      'NetworkDriver.DeleteNetwork': null,
      'NetworkDriver.CreateEndpoint': { Interface: { MacAddress: MAC.toUpperCase() } },
      'NetworkDriver.Join': ({ Options }) => {
        host.ip('link', 'add', 'outer0', 'type', 'veth', 'peer', 'name', 'inner0');
        const way = { Gateway: '172.18.0.1', StaticRoutes: [{ Destination: '10.77.0.0/16', RouteType: 0, NextHop: '172.18.0.9' }] };
        return { InterfaceName: { SrcName: 'inner0', DstPrefix: 'plug' }, ...(ports(Options) ? way : {}) };
      },
      'NetworkDriver.Leave': null,
      'NetworkDriver.DeleteEndpoint': () => (host.ip('link', 'del', 'inner0'), null),
      'NetworkDriver.ProgramExternalConnectivity': {},
      'NetworkDriver.EndpointOperInfo': {
        Value: { 'com.docker.network.portmap': [{ Proto: 6, IP: '172.18.0.2', Port: 80, HostIP: '0.0.0.0', HostPort: 8080 }] },
      },
      'NetworkDriver.RevokeExternalConnectivity': null,
      'IpamDriver.GetDefaultAddressSpaces': { LocalDefaultAddressSpace: 'mine', GlobalDefaultAddressSpace: 'all' },
      'IpamDriver.RequestPool': ({ Pool }) => ({ PoolID: `p${subnet}`, Pool: Pool === '' ? `172.${++subnet}.0.0/16` : Pool, Data: {} }),
      'IpamDriver.ReleasePool': null,
      'IpamDriver.RequestAddress': ({ Address, Options }) => ({
        Address:
          Address === ''
            ? `172.${subnet}.${Object.keys(Options as object).length === 0 ? '0.7' : '255.254'}/16`
            : `${Address as string}/16`,
      }),
      'IpamDriver.ReleaseAddress': null,
    });
    mkdirSync(join(host.directory, 'plugins'));
    await plugin.listen(join(host.directory, 'plugins', 'dummy.sock'));
    service = await start();
  });
  afterEach(async () => {
    await service.stop();
    await plugin.close();
    await host.close();
  });
  const ports = (options: unknown): boolean => ((options as Record<string, unknown[]>)['com.docker.network.portmap'] ?? []).length > 0;

  it('a network driver makes interfaces, which are taken into the sandbox and given back', async () => {
    const pools = ['10.70.0.0/16', '10.71.0.0/16'].map((subnet) => ({
      subnet,
      gateway: '',
      ipRange: '',
      auxAddresses: { a: subnet.replace('0.0/16', '0.5') },
      configured: true,
    }));
    await service.client.createNetwork(context(), createRequest({ name: 'several', driver: 'dummy', options: { opt1: 'drv1' }, pools }));
    expect(plugin.of('NetworkDriver.CreateNetwork')[0]).toMatchObject({
      Options: { 'com.docker.network.generic': { opt1: 'drv1' } },
      IPv4Data: [
        { Pool: '10.70.0.0/16', Gateway: '10.70.0.1/16', AuxAddresses: { a: '10.70.0.5/16' } },
        { Pool: '10.71.0.0/16', Gateway: '10.71.0.1/16' },
      ],
    });
    const sandbox = await host.sandbox();
    const sandboxId = id();
    await join_(sandbox, { sandboxId });
    const { endpoint } = await join_(sandbox, { sandboxId, networkRef: 'several' });
    expect(endpoint).toMatchObject({
      macAddress: MAC,
      ipAddress: '10.70.0.2',
      interface: 'plug0',
      defaultRoute: false,
      networkDriver: 'dummy',
    });
    expect(plugin.of('NetworkDriver.CreateEndpoint')[0]).toMatchObject({ Interface: { Address: '10.70.0.2/16' } });
    expect(plugin.of('NetworkDriver.Join')[0]).toMatchObject({ SandboxKey: sandbox.path });
    const shown = await sandbox.run('ip', 'addr', 'show', 'plug0');
    expect(shown).toContain(MAC);
    expect(shown).toContain('10.70.0.2/16');
    expect(shown).toContain('UP');

    await service.stop();
    service = await start(); // what lives goes on
    expect(plugin.of('NetworkDriver.CreateNetwork')).toHaveLength(2);
    expect(await sandbox.run('ip', 'addr', 'show', 'plug0')).toContain('10.70.0.2/16');

    await service.client.disconnect(context(), { networkRef: 'several', sandboxId, force: false });
    expect(plugin.asked.slice(-2).map(([method]) => method)).toEqual(['NetworkDriver.Leave', 'NetworkDriver.DeleteEndpoint']);
    expect(host.ip('-br', 'link')).not.toContain('outer0');
    await service.client.removeNetwork(context(), { ref: 'several' });
    expect(plugin.of('NetworkDriver.DeleteNetwork')).toHaveLength(1);
  });

  it('one that names a gateway carries the default route, and its ports if it can', async () => {
    await service.client.createNetwork(context(), createRequest({ name: 'aaa', driver: 'dummy' }));
    const sandbox = await host.sandbox();
    const web = { protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, hostPortEnd: 0 };
    const { endpoint } = await join_(sandbox, { networkRef: 'aaa', ports: [web] });
    expect(endpoint).toMatchObject({
      defaultRoute: true,
      gateway: '172.18.0.1',
      ports: [{ containerPort: 80, hostIp: '0.0.0.0', hostPort: 8080 }],
    });
    const routes = await sandbox.run('ip', 'route');
    expect(routes).toContain('default via 172.18.0.1 dev plug0');
    expect(routes).toContain('10.77.0.0/16 via 172.18.0.9 dev plug0');
    expect(plugin.of('NetworkDriver.ProgramExternalConnectivity')[0]?.['Options']).toMatchObject({
      'com.docker.network.portmap': [{ Proto: 6, Port: 80, HostPort: 8080, HostPortEnd: 8080 }],
    });
    // A network that would carry them instead cannot: they are the plugin's again.
    await service.client.createNetwork(context(), createRequest({ name: 'AAA' }));
    await join_(await host.sandbox(), { ports: [{ ...web, hostPort: 8081 }] });
    const both = [web, { ...web, hostPort: 8081 }];
    const { sandboxId } = endpoint ?? { sandboxId: '' };
    await expect(join_(sandbox, { networkRef: 'AAA', sandboxId, ports: both })).rejects.toThrow('8081');
    expect(plugin.of('NetworkDriver.RevokeExternalConnectivity')).toHaveLength(1);
    expect(plugin.of('NetworkDriver.ProgramExternalConnectivity')).toHaveLength(2);
    expect(await sandbox.run('ip', 'route')).toContain('default via 172.18.0.1 dev plug0');
  });

  it('an IPAM driver gives our bridge its subnet, the gateway and the addresses, and gets all back', async () => {
    await service.client.createNetwork(context(), createRequest({ name: 'own', ipamDriver: 'dummy', ipamOptions: { a: 'b' } }));
    const { network } = await service.client.getNetwork(context(), { ref: 'own' });
    expect(network).toMatchObject({
      driver: 'bridge',
      ipamDriver: 'dummy',
      pools: [{ subnet: '172.28.0.0/16', gateway: '172.28.255.254' }],
    });
    expect(plugin.of('IpamDriver.RequestPool')[0]).toMatchObject({ AddressSpace: 'mine', Pool: '', Options: { a: 'b' } });
    const sandbox = await host.sandbox();
    const sandboxId = id();
    expect((await join_(sandbox, { networkRef: 'own', sandboxId })).endpoint).toMatchObject({
      ipAddress: '172.28.0.7',
      gateway: '172.28.255.254',
    });
    expect(await sandbox.run('ip', 'addr')).toContain('172.28.0.7/16');
    await service.client.disconnect(context(), { networkRef: 'own', sandboxId, force: false });
    await service.client.removeNetwork(context(), { ref: 'own' });
    expect(plugin.of('IpamDriver.ReleaseAddress').map(({ Address }) => Address)).toEqual(['172.28.0.7', '172.28.255.254']);
    expect(plugin.of('IpamDriver.ReleasePool')).toEqual([{ PoolID: 'p27' }]);
  });

  it('the null IPAM driver gives nothing, which a bridge cannot do with', async () => {
    await service.client.createNetwork(context(), createRequest({ name: 'bare', driver: 'dummy', ipamDriver: 'null' }));
    expect((await service.client.getNetwork(context(), { ref: 'bare' })).network?.pools).toMatchObject([
      { subnet: '0.0.0.0/0', gateway: '' },
    ]);
    await expect(service.client.createNetwork(context(), createRequest({ name: 'no', ipamDriver: 'null' }))).rejects.toThrow(
      'ipv4 pool is empty',
    );
  });

  it('a plugin that is not there, is another kind, or fails, is told in its words', async () => {
    const create = (change: Parameters<typeof createRequest>[0]) =>
      service.client.createNetwork(context(), createRequest({ name: 'x', ...change }));
    await expect(create({ driver: 'nope' })).rejects.toMatchObject({ kind: 'notFound', message: 'plugin "nope" not found' });
    await expect(create({ driver: 'constructor' })).rejects.toMatchObject({ kind: 'notFound' });
    await expect(create({ ipamDriver: 'nope' })).rejects.toMatchObject({ kind: 'notFound', message: 'plugin "nope" not found' });
    const other = new TestPlugin({ 'Plugin.Activate': { Implements: ['VolumeDriver'] } });
    await other.listen(join(host.directory, 'plugins', 'other.sock'));
    await expect(create({ driver: 'other' })).rejects.toThrow('Plugin does not implement the requested driver');
    await other.close();
    const failing = new TestPlugin({
      'Plugin.Activate': { Implements: ['NetworkDriver'] },
      'NetworkDriver.GetCapabilities': { Scope: 'local' },
      'NetworkDriver.CreateNetwork': { Err: 'no more of them' },
      'NetworkDriver.DeleteNetwork': null,
    });
    await failing.listen(join(host.directory, 'plugins', 'failing.sock'));
    await expect(create({ driver: 'failing' })).rejects.toThrow('remote: no more of them');
    await failing.close();
    expect((await service.client.listNetworks(context(), {})).networks).toHaveLength(3);
  });
});
