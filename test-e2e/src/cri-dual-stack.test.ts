import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectCri, containerNamed, type CriClient, criContext as ctx, imageNamed, podNamed, pushBox } from './harness/cri';
import { type Engine, startEngine, startRegistry, type Registry, until } from './harness';

const plugins = existsSync('/usr/lib/cni/bridge') && existsSync('/usr/lib/cni/host-local');

const SERVER = 'while :; do { printf "HTTP/1.0 200 OK\\r\\n\\r\\n"; hostname; } | nc -l -p 80; done';

/** Pods with addresses of both families, by the engine's own network and by CNI. */
describe('pods of two families', () => {
  let engine: Engine;
  let registry: Registry;
  let cri: CriClient;
  let image: string;
  let cni: string;
  const pods: string[] = [];
  beforeAll(async () => {
    cni = mkdtempSync(join(tmpdir(), 'gantry-e2e-cni-'));
    engine = await startEngine('gantry', { config: { network: `cni:\n  conf-directory: ${cni}\n`, cri: 'pod-network: pods\n' } });
    registry = await startRegistry(engine);
    image = await pushBox(engine, registry);
    const both = ['--subnet', '10.78.0.0/24', '--ipv6', '--subnet', 'fd78::/64'];
    const made = await engine.docker(['network', 'create', ...both, 'pods']);
    if (made.code !== 0) throw new Error(made.stderr);
    cri = connectCri(`${engine.run}/cri.sock`);
    await cri.images.pullImage(ctx, { image: imageNamed(image), auth: undefined, sandboxConfig: undefined });
  }, 120_000);
  afterEach(async () => {
    for (const podSandboxId of pods.splice(0)) await cri.runtime.removePodSandbox(ctx, { podSandboxId });
  });
  afterAll(async () => {
    cri?.close();
    await registry?.stop();
    await engine?.destroy();
    rmSync(cni, { recursive: true, force: true });
  }, 180_000);

  /** A pod whose container tells its host name over HTTP. */
  const serving = async (name: string, change = {}) => {
    const config = podNamed(name, { hostname: name, ...change });
    const { podSandboxId } = await cri.runtime.runPodSandbox(ctx, { config, runtimeHandler: '' });
    pods.push(podSandboxId);
    const { status } = await cri.runtime.podSandboxStatus(ctx, { podSandboxId, verbose: false });
    const { containerId } = await cri.runtime.createContainer(ctx, {
      podSandboxId,
      config: containerNamed('web', image, { command: ['sh', '-c', SERVER] }),
      sandboxConfig: config,
    });
    await cri.runtime.startContainer(ctx, { containerId });
    return { podSandboxId, containerId, ips: [status?.network?.ip, ...(status?.network?.additionalIps.map(({ ip }) => ip) ?? [])] };
  };
  const exec = async (containerId: string, script: string) =>
    (await cri.runtime.execSync(ctx, { containerId, cmd: ['sh', '-c', script], timeout: 20n })).stdout.toString();
  /** Whom a client in a container reaches at an address; it may have to wait until the server listens. */
  const reached = async (from: { readonly containerId: string }, address: string) => {
    let told = '';
    await until(`an answer of ${address}`, async () => {
      told = await exec(from.containerId, `nc -w 5 ${address} 80 </dev/null 2>/dev/null | tail -n 1`);
      return told !== '';
    });
    return told;
  };

  test("the engine's own network: both addresses, each reachable from pods and from the host's ports", async () => {
    const portMappings = [{ protocol: 0, containerPort: 80, hostPort: 8078, hostIp: '' }];
    const web = await serving('web', {
      portMappings,
      dnsConfig: { servers: ['fd78::53', '10.78.0.53'], searches: ['x.test'], options: [] },
    });
    const other = await serving('other');
    expect(web.ips).toEqual([expect.stringMatching(/^10\.78\.0\.\d+$/), expect.stringMatching(/^fd78::[0-9a-f:]+$/)]);
    const [v4 = '', v6 = ''] = web.ips;
    expect(await reached(other, v4)).toBe('web\n');
    expect(await reached(other, v6)).toBe('web\n');
    for (const host of ['127.0.0.1', '[::1]', '10.78.0.1', '[fd78::1]']) {
      const got = await engine.onHost('curl', ['-g', '-s', '-m', '10', '--retry', '5', '--retry-all-errors', `http://${host}:8078/`]);
      expect([host, got.stdout]).toEqual([host, 'web\n']);
    }
    expect(await exec(web.containerId, 'cat /etc/resolv.conf')).toMatch(/search x\.test\nnameserver fd78::53\nnameserver 10\.78\.0\.53\n/);
    const { stats } = await cri.runtime.podSandboxStats(ctx, { podSandboxId: web.podSandboxId });
    expect(stats?.linux?.network?.defaultInterface?.name).toBe('eth0');
  });

  (plugins ? test : test.skip)(
    `CNI's host-local with a range of each family${plugins ? '' : ' [needs containernetworking-plugins]'}`,
    async () => {
      const file = join(cni, '10-pods.conflist');
      const ranges = [[{ subnet: '10.79.0.0/24' }], [{ subnet: 'fd79::/64' }]];
      const ipam = { type: 'host-local', ranges, dataDir: join(engine.folder, 'ipam') };
      const bridge = { type: 'bridge', bridge: 'cri-dual0', isGateway: true, ipam };
      writeFileSync(file, JSON.stringify({ cniVersion: '1.0.0', name: 'dual', plugins: [bridge] }));
      try {
        await until(
          'the configuration',
          async () => (await cri.runtime.status(ctx, { verbose: true })).info['cniconfig']?.includes('"dual"') === true,
        );
        const web = await serving('web');
        const other = await serving('other');
        expect(web.ips).toEqual([expect.stringMatching(/^10\.79\.0\.\d+$/), expect.stringMatching(/^fd79::[0-9a-f:]+$/)]);
        expect(await reached(other, web.ips[1] ?? '')).toBe('web\n');
        for (const podSandboxId of pods.splice(0)) await cri.runtime.removePodSandbox(ctx, { podSandboxId });
        for (const ip of web.ips) expect(existsSync(join(engine.folder, 'ipam/dual', ip ?? ''))).toBe(false);
      } finally {
        for (const podSandboxId of pods.splice(0)) await cri.runtime.removePodSandbox(ctx, { podSandboxId });
        rmSync(file);
      }
    },
  );
});
