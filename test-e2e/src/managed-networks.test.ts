import { describeEngine, until } from './harness';
import { makePlugin } from './plugins/make';

const PAIRS = ['-o', 'link', 'show', 'type', 'veth'];

/** A managed plugin in the host's network that makes networks and gives addresses (plugins/wire.c). */
describeEngine('managed plugins of networks and addresses', (suite) => {
  const { ok, docker } = suite;
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await docker(args);
    expect(code).not.toBe(0);
    return stderr;
  };
  /** Outer ends of the plugin's links. */
  const outer = async (): Promise<string[]> =>
    [...(await suite.engine.onHost('ip', PAIRS)).stdout.matchAll(/\bout[0-9a-f]{8}(?=@)/g)].map(([name]) => name);

  beforeAll(async () => {
    const folder = makePlugin(suite.engine, 'wire', {
      description: 'makes networks',
      interface: { socket: 'wire.sock', types: ['docker.networkdriver/1.0', 'docker.ipamdriver/1.0'] },
      network: { type: 'host' },
      linux: { capabilities: ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'] },
    });
    await ok('plugin', 'create', 'wire', folder);
  }, 120_000);

  test('a driver that is disabled makes no network', async () => {
    expect(await refused('network', 'create', '-d', 'wire', 'far')).toContain('plugin wire found but disabled');
    expect(await refused('network', 'create', '--ipam-driver', 'wire', 'given')).toContain('wire found but disabled');
    await ok('plugin', 'enable', 'wire');
    expect(await ok('info', '-f', '{{json .Plugins.Network}}')).toContain('"wire:latest"');
  }, 60_000);

  test('a container is on its network, by the link that it made', async () => {
    expect(await refused('network', 'create', '-d', 'wire:latest', '-o', 'color=none', 'far')).toContain('no such color');
    await ok('network', 'create', '-d', 'wire:latest', '--subnet', '10.99.0.0/24', '--gateway', '10.99.0.254', 'far');
    expect(await ok('network', 'inspect', '-f', '{{.Driver}} {{.Scope}}', 'far')).toBe('wire:latest local');
    await ok('run', '-d', '--name', 'near', '--network', 'far', '--ip', '10.99.0.7', 'busybox', 'sleep', '1000');
    expect(await ok('exec', 'near', 'ip', '-o', 'addr', 'show', 'wire0')).toContain('10.99.0.7/24');
    expect(await ok('exec', 'near', 'cat', '/sys/class/net/wire0/address')).toBe('02:00:00:00:00:63');
    expect(await ok('exec', 'near', 'ip', 'route')).toContain('default via 10.99.0.254 dev wire0');
    await ok('exec', 'near', 'ping', '-c', '1', '-W', '5', '10.99.0.254');
    expect(await ok('inspect', '-f', '{{.NetworkSettings.Networks.far.IPAddress}} {{.NetworkSettings.Networks.far.Gateway}}', 'near')).toBe(
      '10.99.0.7 10.99.0.254',
    );
    expect(await outer()).toHaveLength(1);
    expect(await refused('plugin', 'disable', 'wire')).toContain('plugin wire:latest is in use');
    await ok('rm', '-f', 'near');
    expect(await outer()).toEqual([]);
    await ok('network', 'rm', 'far');
  }, 120_000);

  test('one of its networks is connected and disconnected while a container runs', async () => {
    await ok('network', 'create', '-d', 'wire:latest', '--subnet', '10.99.0.0/24', '--gateway', '10.99.0.254', 'far');
    await ok('run', '-d', '--name', 'near', 'busybox', 'sleep', '1000');
    await ok('network', 'connect', '--ip', '10.99.0.8', 'far', 'near');
    expect(await ok('exec', 'near', 'ip', '-o', 'addr', 'show', 'wire0')).toContain('10.99.0.8/24');
    await ok('network', 'disconnect', 'far', 'near');
    expect((await docker(['exec', 'near', 'ip', 'addr', 'show', 'wire0'])).code).not.toBe(0);
    expect(await outer()).toEqual([]);
    await ok('rm', '-f', 'near');
    await ok('network', 'rm', 'far');
  }, 120_000);

  test('it gives the addresses of a bridge', async () => {
    await ok('network', 'create', '--ipam-driver', 'wire:latest', 'given');
    expect(await ok('network', 'inspect', '-f', '{{.Driver}} {{.IPAM.Driver}} {{json .IPAM.Config}}', 'given')).toBe(
      'bridge wire:latest [{"Subnet":"10.99.0.0/24","Gateway":"10.99.0.254"}]',
    );
    await ok('run', '-d', '--name', 'one', '--network', 'given', 'busybox', 'sleep', '1000');
    await ok('run', '-d', '--name', 'two', '--network', 'given', 'busybox', 'sleep', '1000');
    const addresses = await ok('inspect', '-f', '{{.NetworkSettings.Networks.given.IPAddress}}', 'one', 'two');
    expect(addresses).toBe('10.99.0.1\n10.99.0.2');
    await ok('exec', 'one', 'ping', '-c', '1', '-W', '5', 'two');
    expect(await refused('plugin', 'disable', 'wire')).toContain('plugin wire:latest is in use');
    await ok('rm', '-f', 'one', 'two');
    await ok('network', 'rm', 'given');
  }, 120_000);

  test('it is there before the containers of its networks when the engine starts as after a reboot', async () => {
    await ok('network', 'create', '-d', 'wire:latest', '--subnet', '10.99.0.0/24', '--gateway', '10.99.0.254', 'far');
    await ok('run', '-d', '--name', 'near', '--restart', 'always', '--network', 'far', '--ip', '10.99.0.7', 'busybox', 'sleep', '1000');
    await suite.engine.reboot();
    for (const name of await outer()) await suite.engine.onHost('ip', ['link', 'del', name]);
    await suite.engine.start();
    expect(await ok('plugin', 'ls', '--format', '{{.Name}} {{.Enabled}}')).toBe('wire:latest true');
    await until('the container', async () => (await docker(['exec', 'near', 'true'])).code === 0);
    await ok('exec', 'near', 'ping', '-c', '1', '-W', '5', '10.99.0.254');
    await ok('rm', '-f', 'near');
    await ok('network', 'rm', 'far');
    expect(await outer()).toEqual([]);
    await ok('plugin', 'disable', 'wire');
    await ok('plugin', 'rm', 'wire');
  }, 180_000);
});
