import { PodNetworkServiceService, type AddPodRequest } from '@gantry/api/gantry/network/v1/pods';
import { connect, type Connection, type ServiceClient } from '@gantry/rpc';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestHost, eventually, runProgram, type TestSandbox } from './testing/host';
import { context, startTestService, type TestService } from './testing/service';
import { newId, ping } from './testing/world';

/** Where Debian's containernetworking-plugins are. */
const PLUGINS = '/usr/lib/cni';
const isThere = existsSync(join(PLUGINS, 'bridge'));
if (!isThere)
  process.stderr.write(
    "skipped: CNI's own programs (package containernetworking-plugins) are not there; they are tested with scripts only\n",
  );
const withPlugins = process.getuid?.() === 0 && isThere ? describe : describe.skip;

withPlugins("pods on Debian's CNI programs", () => {
  let host: TestHost;
  let service: TestService;
  let connection: Connection;
  let client: ServiceClient<PodNetworkServiceService>;

  const start = async (): Promise<void> => {
    const cni = { 'conf-directory': join(host.directory, 'net.d'), 'plugin-directories': [PLUGINS], timeout: 60 };
    service = await startTestService(host.directory, { cni });
    connection = connect(join(service.config.run, 'network.sock'));
    client = connection.client(PodNetworkServiceService);
  };
  const stop = async (): Promise<void> => {
    connection?.close();
    await service?.stop();
  };
  beforeEach(async () => {
    host = new TestHost();
    mkdirSync(join(host.directory, 'net.d'));
    await start();
  });
  afterEach(async () => {
    await stop();
    await host.close();
  });

  /** The network as kubelet's users have it; leases where the test is. */
  const configure = async (...plugins: object[]): Promise<void> => {
    const ranges = [[{ subnet: '10.244.7.0/24' }], [{ subnet: 'fd07::/64' }]];
    const ipam = { type: 'host-local', ranges, routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }], dataDir: join(host.directory, 'leases') };
    const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: true, hairpinMode: true, ipam };
    const list = { cniVersion: '1.0.0', name: 'pods', plugins: [bridge, ...plugins] };
    writeFileSync(join(host.directory, 'net.d', '10-pods.conflist'), JSON.stringify(list));
    await eventually(async () =>
      expect(await client.getPodNetworkStatus(context(), {})).toMatchObject({ ready: true, networkName: 'pods', message: '' }),
    );
  };
  const request = (box: TestSandbox, change: Partial<AddPodRequest> = {}): AddPodRequest => ({
    sandboxId: newId(),
    netnsPath: box.path,
    interface: '',
    args: { IgnoreUnknown: '1', K8S_POD_NAMESPACE: 'default', K8S_POD_NAME: 'web', K8S_POD_INFRA_CONTAINER_ID: 'x', K8S_POD_UID: 'u' },
    portMappings: [],
    bandwidth: undefined,
    dns: undefined,
    ipRangeSets: [],
    macAddress: '',
    ipAddresses: [],
    aliases: [],
    cgroupPath: '',
    deviceId: '',
    podAnnotations: {},
    ...change,
  });
  const leases = (): string[] =>
    readdirSync(join(host.directory, 'leases', 'pods'))
      .filter((name) => /^[0-9a-f]+[.:]/.test(name))
      .toSorted();

  it('reach one another in both families, are checked, and give back what they had', async () => {
    await configure({ type: 'tuning', sysctl: { 'net.ipv4.conf.all.log_martians': '1' } }, { type: 'firewall' });
    const [one, two] = [await host.sandbox(), await host.sandbox()];
    const [first, second] = [request(one), request(two)];
    const { network } = await client.addPod(context(), first);
    expect(network).toMatchObject({ name: 'pods', sandboxId: first.sandboxId, ipAddresses: ['10.244.7.2', 'fd07::2'] });
    expect(network?.interfaces.find(({ netnsPath }) => netnsPath !== '')).toMatchObject({
      name: 'eth0',
      addresses: ['10.244.7.2/24', 'fd07::2/64'],
    });
    expect(JSON.parse(network?.resultJson ?? '')).toMatchObject({ cniVersion: '1.0.0' });
    await client.addPod(context(), second);
    expect((await runProgram('iptables-save')).includes(second.sandboxId)).toBe(true);
    await ping(one, '10.244.7.3');
    await ping(one, '127.0.0.1');
    await eventually(() => one.run('busybox', 'ping6', '-c1', '-W1', 'fd07::3')); // its address is tentative for a moment
    expect((await one.run('cat', '/proc/sys/net/ipv4/conf/all/log_martians')).trim()).toBe('1');
    await client.checkPod(context(), { sandboxId: first.sandboxId });
    await one.run('ip', 'addr', 'flush', 'dev', 'eth0');
    await expect(client.checkPod(context(), { sandboxId: first.sandboxId })).rejects.toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining('plugin type="bridge" failed (check)') as string,
    });
    await stop();
    await start();
    for (const { sandboxId, netnsPath } of [first, second]) await client.delPod(context(), { sandboxId, netnsPath });
    expect(leases()).toEqual([]);
    await expect(one.run('ip', 'link', 'show', 'eth0')).rejects.toThrow();
    // Of the first one bridge finds no address any more whose rules it could take away.
    expect((await runProgram('iptables-save')).includes(second.sandboxId)).toBe(false);
  });

  it('publish ports as they are asked for, with addresses of their own wish', async () => {
    await configure({ type: 'portmap', capabilities: { portMappings: true }, snat: true });
    const box = await host.sandbox();
    box.start('socat', 'TCP-LISTEN:80,fork,reuseaddr', 'SYSTEM:echo hello');
    const wish = request(box, { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIp: '' }] });
    const { network } = await client.addPod(context(), wish);
    const ask = async (address: string): Promise<string> =>
      (await runProgram('socat', '-u', `TCP:${address}:8080,connect-timeout=1`, '-')).trim();
    await eventually(async () => expect(await ask('10.244.7.1')).toBe('hello'));
    expect(network?.ipAddresses[0]).toBe('10.244.7.2');
    await client.delPod(context(), { sandboxId: wish.sandboxId, netnsPath: box.path });
    await expect(ask('10.244.7.1')).rejects.toThrow();
  });

  it('are taken off when they are gone, and when nobody names them', async () => {
    await configure();
    const boxes = [await host.sandbox(), await host.sandbox(), await host.sandbox()];
    const wishes = boxes.map((box) => request(box));
    await Promise.all(wishes.map((wish) => client.addPod(context(), wish)));
    expect(leases().length).toBe(6);
    const [gone, left, live] = wishes.map(({ sandboxId }) => sandboxId) as [string, string, string];
    await boxes[0]?.end();
    await client.delPod(context(), { sandboxId: gone, netnsPath: '' });
    expect(leases().length).toBe(4);
    expect(await client.collectPods(context(), { sandboxIds: [live] })).toEqual({ sandboxIds: [left] });
    expect(leases().length).toBe(2);
  });

  it('that fail leave nothing behind', async () => {
    await configure({ type: 'tuning', sysctl: { 'net.ipv4.no_such_thing': '1' } });
    const box = await host.sandbox();
    await expect(client.addPod(context(), request(box))).rejects.toMatchObject({
      message: expect.stringContaining('plugin type="tuning" failed (add)') as string,
      meta: { cniPlugin: 'tuning' },
    });
    expect(leases()).toEqual([]);
    await expect(box.run('ip', 'link', 'show', 'eth0')).rejects.toThrow();
  });

  it('are told that there is no configuration, and which version a program does not speak', async () => {
    const box = await host.sandbox();
    await expect(client.addPod(context(), request(box))).rejects.toMatchObject({
      kind: 'failedPrecondition',
      message: 'cni plugin not initialized',
      meta: { cni: 'notConfigured' },
    });
    const list = { cniVersion: '1.1.0', name: 'new', plugins: [{ type: 'bridge' }] };
    writeFileSync(join(host.directory, 'net.d', '10-new.conflist'), JSON.stringify(list));
    await eventually(async () =>
      expect(await client.getPodNetworkStatus(context(), {})).toMatchObject({
        ready: false,
        networkName: 'new',
        message: 'plugin bridge does not support config version "1.1.0"',
      }),
    );
  });
});
