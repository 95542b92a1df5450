import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerState } from '@gantry/api/runtime/v1/api';
import { pack } from 'tar-stream';
import { type Engine, loadBusybox, pinnedNode, projectRoot, startEngine, until } from './harness';
import { connectCri, containerNamed, type CriClient, criContext as ctx, podNamed } from './harness/cri';
import { wasiModule } from './wasm';

const there = (...paths: string[]): boolean => paths.some((path) => existsSync(path));
const runc = there('/usr/sbin/runc', '/usr/bin/runc');
const crun = there('/usr/bin/crun');
const shim = there('/usr/bin/containerd-shim-runc-v2') && runc;
const HANDLERS = 'runtime-handlers: { shim: shim, wasi: wasi, absent: absent }\n';

/** A pod's runtime is the handler of its RuntimeClass. */
describe('runtime handlers', () => {
  let dir: string;
  let engine: Engine;
  let cri: CriClient;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'gantry-cri-runtimes-'));
    execFileSync(pinnedNode, [join(projectRoot, 'examples/wasi-runtime/build.mjs'), dir], { stdio: 'inherit' });
    const wasi = `wasi: {task-service: ["${pinnedNode}", "${join(dir, 'wasi-runtime.cjs')}"]}`;
    engine = await startEngine('gantry', {
      config: {
        network: 'cni:\n  conf-directory: /nonexistent\n',
        cri: HANDLERS,
        supervisor: `runtimes:\n  ${wasi}\n  shim: {runtimeType: io.containerd.runc.v2}\n`,
      },
    });
    await loadBusybox(engine);
    const tar = pack();
    tar.entry({ name: 'hello.wasm', mode: 0o755 }, Buffer.from(wasiModule({ greeting: 'hello from wasm\n', complaint: '', code: 7 })));
    tar.finalize();
    const parts: Buffer[] = [];
    for await (const part of tar) parts.push(part as Buffer);
    expect((await engine.docker(['import', '-c', 'ENTRYPOINT ["/hello.wasm"]', '-', 'wasm:1'], { input: Buffer.concat(parts) })).code).toBe(
      0,
    );
    for (const image of ['busybox', 'wasm:1']) {
      const file = join(dir, 'image.tar');
      expect((await engine.docker(['save', '-o', file, image])).code).toBe(0);
      const ctr = ['-a', `${engine.run}/supervisor.sock`, '-n', 'k8s.io', 'images', 'import', file];
      expect((await engine.onHost('ctr', ctr)).code).toBe(0);
    }
    cri = connectCri(`${engine.run}/cri.sock`);
  }, 120_000);
  afterAll(async () => {
    cri?.close();
    await engine.destroy();
    rmSync(dir, { recursive: true });
  }, 180_000);

  /** A pod of the handler, for as long as `fn` takes. */
  async function inPod<T>(
    handler: string,
    fn: (create: (image: string, change: object) => Promise<string>, log: () => string) => Promise<T>,
  ): Promise<T> {
    const logDirectory = join(dir, `logs-${handler}`);
    const config = podNamed(`with-${handler}`, { logDirectory });
    const { podSandboxId } = await cri.runtime.runPodSandbox(ctx, { config, runtimeHandler: handler });
    try {
      const create = async (image: string, change: object) => {
        const asked = containerNamed('main', image, { logPath: '0.log', ...change });
        return (await cri.runtime.createContainer(ctx, { podSandboxId, config: asked, sandboxConfig: config })).containerId;
      };
      return await fn(create, () => readFileSync(join(logDirectory, '0.log'), 'utf8').replace(/^\S+ /gm, ''));
    } finally {
      await cri.runtime.removePodSandbox(ctx, { podSandboxId });
    }
  }
  const status = async (containerId: string) => (await cri.runtime.containerStatus(ctx, { containerId, verbose: false })).status;

  test.each([
    ['', true],
    ['gantry', true],
    ['runc-binary', runc],
    ['crun', crun],
    ['shim', shim],
  ])('a container of the handler "%s" lives in its pod, where its program is there (%s)', async (handler, installed) => {
    if (!installed) return console.warn(`skipped: no program for the handler ${handler}`);
    await inPod(handler, async (create, log) => {
      const command = ['sh', '-c', 'hostname; trap "exit 5" TERM; while :; do sleep 0.1; done'];
      const resources = { cpuShares: 2n, cpuPeriod: 100_000n, hugepageLimits: [{ pageSize: '2MB', limit: 0n }] }; // kubelet always says so
      const containerId = await create('docker.io/library/busybox:latest', { command, linux: { resources } });
      await cri.runtime.startContainer(ctx, { containerId });
      await until('its line', () => existsSync(join(dir, `logs-${handler}`, '0.log')) && log().includes('stdout F '));
      const { stdout, exitCode } = await cri.runtime.execSync(ctx, {
        containerId,
        cmd: ['sh', '-c', 'ip -o link show eth0 | wc -l; exit 3'],
        timeout: 20n,
      });
      expect([stdout.toString(), exitCode]).toEqual(['1\n', 3]);
      await cri.runtime.stopContainer(ctx, { containerId, timeout: 30n });
      expect(await status(containerId)).toMatchObject({ exitCode: 5, state: ContainerState.CONTAINER_EXITED });
    });
  });

  test('a module of WebAssembly runs by its handler, in the network of its pod', async () => {
    await inPod('wasi', async (create, log) => {
      const containerId = await create('docker.io/library/wasm:1', {});
      await cri.runtime.startContainer(ctx, { containerId });
      await until('its end', async () => (await status(containerId))?.state === ContainerState.CONTAINER_EXITED);
      expect(await status(containerId)).toMatchObject({ exitCode: 7, reason: 'Error' });
      expect(log()).toBe('stdout F hello from wasm\n');
    });
  });

  test('a module runs with all that kubelet gives a pod which asks for nothing, and sees its volumes read-only', async () => {
    const [file, volume] = [join(dir, 'file'), join(dir, 'account')];
    writeFileSync(file, '');
    mkdirSync(volume);
    const mounts = [
      { containerPath: '/etc/hosts', hostPath: file },
      { containerPath: '/dev/termination-log', hostPath: file },
      { containerPath: '/var/run/secrets', hostPath: volume, readonly: true },
    ];
    const resources = { cpuPeriod: 100_000n, cpuShares: 2n, oomScoreAdj: 1000n, hugepageLimits: [{ pageSize: '2MB', limit: 0n }] };
    await inPod('wasi', async (create) => {
      const containerId = await create('docker.io/library/wasm:1', { mounts, linux: { resources }, stdin: true });
      await cri.runtime.startContainer(ctx, { containerId });
      const { info } = await cri.runtime.containerStatus(ctx, { containerId, verbose: true });
      const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number };
      const mountinfo = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
      expect(mountinfo.find((line) => line.includes('/read-only/0 '))?.split(' ')[5]).toMatch(/^ro\b/);
      await cri.runtime.stopContainer(ctx, { containerId, timeout: 30n });
      expect(await status(containerId)).toMatchObject({ exitCode: 143 });
      const limited = await create('docker.io/library/wasm:1', {
        linux: { resources: { ...resources, cpuQuota: 50_000n } },
        metadata: { name: 'limited', attempt: 0 },
      });
      await expect(cri.runtime.startContainer(ctx, { containerId: limited })).rejects.toThrow('wasi runtime: cpu limits');
    });
  });

  test('handlers are told with what their runtimes can; one that is not known is refused, one without a program at its start', async () => {
    const { runtimeHandlers } = await cri.runtime.status(ctx, { verbose: false });
    const features = Object.fromEntries(runtimeHandlers.map(({ name, features: can }) => [name, can]));
    expect(Object.keys(features)).toEqual(['', 'runc', 'gantry', 'runc-binary', 'crun', 'shim', 'wasi', 'absent']);
    for (const name of ['', 'runc', 'gantry']) expect(features[name]).toEqual({ recursiveReadOnlyMounts: true, userNamespaces: true });
    for (const name of ['wasi', 'absent']) expect(features[name]).toEqual({ recursiveReadOnlyMounts: false, userNamespaces: false });
    await expect(cri.runtime.runPodSandbox(ctx, { config: podNamed('kata'), runtimeHandler: 'kata' })).rejects.toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining('no runtime for "kata" is configured') as string,
    });
    await inPod('absent', async (create) => {
      const containerId = await create('docker.io/library/busybox:latest', { command: ['true'] });
      await expect(cri.runtime.startContainer(ctx, { containerId })).rejects.toThrow('runtime "absent" is not known here');
      expect(await status(containerId)).toMatchObject({ exitCode: 128, reason: 'StartError' });
    });
  });
});
