import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerEventType, ContainerState, LinuxContainerResources, NamespaceMode, PodSandboxState } from '@gantry/api/runtime/v1/api';
import { StoreService } from '@gantry/api/containerd/services/sandbox/v1/sandbox';
import { connect, derive, newContext } from '@gantry/rpc';
import { connectCri, containerNamed, type CriClient, criContext as ctx, imageNamed, podNamed } from './harness/cri';
import { type Engine, loadBusybox, until, startEngine, startRegistry, type Registry } from './harness';

describe("Kubernetes' container runtime interface", () => {
  let engine: Engine;
  let registry: Registry;
  let cri: CriClient;
  let repository: string;
  /** CNI's: empty, unless a test lays something there. */
  let confDirectory: string;
  beforeAll(async () => {
    const none = mkdtempSync(join(tmpdir(), 'gantry-e2e-cni-'));
    confDirectory = none;
    engine = await startEngine('gantry', { config: { network: `cni:\n  conf-directory: ${none}\n` } });
    registry = await startRegistry(engine);
    repository = `${registry.name}/cri/box`;
    await loadBusybox(engine);
    for (const tag of ['1', '2']) {
      await engine.docker(['tag', 'busybox', `${repository}:${tag}`]);
      const pushed = await engine.docker(['push', `${repository}:${tag}`]);
      if (pushed.code !== 0) throw new Error(pushed.stderr);
    }
    cri = connectCri(`${engine.run}/cri.sock`);
  }, 120_000);
  afterAll(async () => {
    cri?.close();
    await registry?.stop();
    await engine.destroy();
    rmSync(confDirectory, { recursive: true, force: true });
  }, 180_000);

  test('tells its version, its state and who makes cgroups', async () => {
    expect(await cri.runtime.version(ctx, { version: '' })).toMatchObject({
      version: '0.1.0',
      runtimeName: 'gantry',
      runtimeApiVersion: 'v1',
    });
    const { status, info, runtimeHandlers } = await cri.runtime.status(ctx, { verbose: true });
    expect(status?.conditions).toEqual([
      { type: 'RuntimeReady', status: true, reason: '', message: '' },
      { type: 'NetworkReady', status: true, reason: '', message: '' },
    ]);
    expect(JSON.parse(info['config'] ?? '')).toMatchObject({ namespace: 'k8s.io' });
    expect(runtimeHandlers.map(({ name }) => name)).toEqual(['', 'runc', 'gantry', 'runc-binary', 'crun']);
    const range = (podCidr: string) => cri.runtime.updateRuntimeConfig(ctx, { runtimeConfig: { networkConfig: { podCidr } } });
    await range('10.1.0.0/24');
    await expect(range('10.1.0.0')).rejects.toMatchObject({ kind: 'invalidArgument' });
    expect((await cri.runtime.status(ctx, { verbose: true })).info['podCidr']).toBe('"10.1.0.0/24"');
    expect(await cri.runtime.runtimeConfig(ctx, {})).toEqual({ linux: { cgroupDriver: 1 } });
  });

  test('a call that is not there yet is answered by its name', async () => {
    const call = cri.runtime.checkpointPod(ctx, { podSandboxId: 'x', outputPath: '', containerIds: [], options: {} });
    await expect(call).rejects.toMatchObject({
      kind: 'notImplemented',
      message: expect.stringContaining('runtime.v1.RuntimeService/CheckpointPod') as string,
    });
  });

  describe('images', () => {
    const pull = (image: string) => cri.images.pullImage(ctx, { image: imageNamed(image), auth: undefined, sandboxConfig: undefined });
    const status = async (image: string) => (await cri.images.imageStatus(ctx, { image: imageNamed(image), verbose: false })).image;

    test('are pulled, found by every name, filtered and counted', async () => {
      const { imageRef } = await pull(`${repository}:1`);
      expect(imageRef).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(await pull(`${repository}:2`)).toEqual({ imageRef });
      const image = await status(`${repository}:1`);
      expect(image).toMatchObject({ id: imageRef, repoTags: [`${repository}:1`, `${repository}:2`], pinned: false });
      expect(image?.repoDigests).toEqual([expect.stringMatching(new RegExp(`^${repository}@sha256:`)) as string]);
      expect(image?.size).toBeGreaterThan(0n);
      for (const name of [imageRef, imageRef.slice(7, 19), image?.repoDigests[0] ?? '']) expect(await status(name)).toEqual(image);
      for (const name of [`${repository}:3`, repository, 'sha256:00', '//']) expect(await status(name)).toBeUndefined();
      const listed = async (name: string) => (await cri.images.listImages(ctx, { filter: { image: imageNamed(name) } })).images;
      expect(await listed(`${repository}:2`)).toEqual([image]);
      expect(await listed(`${repository}:3`)).toEqual([]);
      const { imageFilesystems } = await cri.images.imageFsInfo(ctx, {});
      expect(imageFilesystems[0]?.usedBytes?.value).toBeGreaterThan(0n);
      expect(imageFilesystems[0]?.inodesUsed?.value).toBeGreaterThan(0n);
      const { images } = await engineImages();
      expect(images).toContain(`${repository}:1`);
    });

    /** What ctr shows of Kubernetes' namespace. */
    const engineImages = async () => {
      const { stdout } = await engine.onHost('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', 'k8s.io', 'images', 'ls', '-q']);
      return { images: stdout.split('\n') };
    };

    test('a tag is removed alone, the image with its last one', async () => {
      const { imageRef } = await pull(`${repository}:1`);
      await pull(`${repository}:2`);
      const remove = (name: string) => cri.images.removeImage(ctx, { image: imageNamed(name) });
      await remove(`${repository}:1`);
      expect(await status(`${repository}:1`)).toBeUndefined();
      expect(await status(imageRef)).toMatchObject({ repoTags: [`${repository}:2`] });
      await remove(`${repository}:2`);
      expect(await status(imageRef)).toBeUndefined();
      await remove(`${repository}:2`);
    });

    test('one that is pinned is told so, and stays', async () => {
      const { imageRef } = await pull(`${repository}:1`);
      const label = (value: string) =>
        engine.onHost('ctr', [
          '-a',
          `${engine.run}/supervisor.sock`,
          '-n',
          'k8s.io',
          'images',
          'label',
          `${repository}:1`,
          `io.cri-containerd.pinned=${value}`,
        ]);
      expect((await label('pinned')).code).toBe(0);
      expect(await status(imageRef)).toMatchObject({ pinned: true });
      const remove = () => cri.images.removeImage(ctx, { image: imageNamed(imageRef) });
      await expect(remove()).rejects.toMatchObject({ kind: 'failedPrecondition' });
      expect((await label('')).code).toBe(0);
      await remove();
      expect(await status(imageRef)).toBeUndefined();
    });

    test('what cannot be pulled is told', async () => {
      await expect(pull(`${repository}:nope`)).rejects.toMatchObject({ kind: 'notFound' });
      await expect(pull('a b')).rejects.toMatchObject({
        kind: 'unknown',
        message: expect.stringContaining('failed to parse image reference') as string,
      });
    });
  });

  describe('pods and containers', () => {
    const pods: string[] = [];
    const run = async (name: string, change = {}) => {
      const { podSandboxId } = await cri.runtime.runPodSandbox(ctx, { config: podNamed(name, change), runtimeHandler: '' });
      pods.push(podSandboxId);
      return podSandboxId;
    };
    const create = async (pod: string, name: string, change = {}, config = podNamed('x')) =>
      (
        await cri.runtime.createContainer(ctx, {
          podSandboxId: pod,
          config: containerNamed(name, `${repository}:1`, change),
          sandboxConfig: config,
        })
      ).containerId;
    const started = async (...given: Parameters<typeof create>) => {
      const containerId = await create(...given);
      await cri.runtime.startContainer(ctx, { containerId });
      return containerId;
    };
    const status = async (containerId: string) => (await cri.runtime.containerStatus(ctx, { containerId, verbose: false })).status;
    const sh = (script: string) => ({ command: ['sh', '-c', script] });
    const exec = async (containerId: string, script: string, timeout = 0n) => {
      const { stdout, stderr, exitCode } = await cri.runtime.execSync(ctx, { containerId, cmd: ['sh', '-c', script], timeout });
      return { out: stdout.toString(), err: stderr.toString(), exitCode };
    };
    beforeAll(async () => {
      await cri.images.pullImage(ctx, { image: imageNamed(`${repository}:1`), auth: undefined, sandboxConfig: undefined });
    });
    afterEach(async () => {
      for (const podSandboxId of pods.splice(0)) await cri.runtime.removePodSandbox(ctx, { podSandboxId });
      expect((await cri.runtime.listContainers(ctx, { filter: undefined })).containers).toEqual([]);
    });

    test('a pod has a name, an address and a state; it is found by filters', async () => {
      const pod = await run('web', { hostname: 'webhost', labels: { app: 'web' } });
      const { status: told } = await cri.runtime.podSandboxStatus(ctx, { podSandboxId: pod.slice(0, 12), verbose: false });
      expect(told).toMatchObject({ id: pod, state: PodSandboxState.SANDBOX_READY, metadata: { name: 'web' }, labels: { app: 'web' } });
      expect(told?.network?.ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      await expect(run('web')).rejects.toMatchObject({
        kind: 'failedPrecondition',
        message: expect.stringContaining(`is reserved for "${pod}"`) as string,
      });
      const listed = async (filter: object) =>
        (await cri.runtime.listPodSandbox(ctx, { filter: { id: '', state: undefined, labelSelector: {}, ...filter } })).items.map(
          ({ id }) => id,
        );
      expect(await listed({ labelSelector: { app: 'web' } })).toEqual([pod]);
      const store = connect(`${engine.run}/supervisor.sock`);
      const { list } = await store.client(StoreService).list(newContext({ namespace: 'k8s.io' }), { filters: [] });
      store.close();
      expect(list).toEqual([expect.objectContaining({ sandboxId: pod, sandboxer: 'pod', labels: { app: 'web' } })]);
      expect(await listed({ labelSelector: { app: 'db' } })).toEqual([]);
      expect(await listed({ state: { state: PodSandboxState.SANDBOX_NOTREADY } })).toEqual([]);
      await cri.runtime.stopPodSandbox(ctx, { podSandboxId: pod });
      await cri.runtime.stopPodSandbox(ctx, { podSandboxId: pod });
      expect(await listed({ state: { state: PodSandboxState.SANDBOX_NOTREADY } })).toEqual([pod]);
      const stopped = await cri.runtime.podSandboxStatus(ctx, { podSandboxId: pod, verbose: false });
      expect(stopped.status).toMatchObject({ state: PodSandboxState.SANDBOX_NOTREADY, network: { ip: '' } });
      await expect(create(pod, 'late')).rejects.toMatchObject({ kind: 'failedPrecondition' });
    });

    test('containers of a pod share its network, its host name and, where asked for, its processes', async () => {
      const pod = await run('shared', {
        hostname: 'sharedhost',
        dnsConfig: { servers: ['10.0.0.10'], searches: ['svc.local'], options: ['ndots:5'] },
      });
      const { status: told } = await cri.runtime.podSandboxStatus(ctx, { podSandboxId: pod, verbose: false });
      const one = await started(pod, 'one', sh('sleep 1000'));
      const two = await started(pod, 'two', sh('echo here > /dev/shm/word; sleep 2000'));
      await until('the word', async () => (await exec(one, 'cat /dev/shm/word')).out === 'here\n');
      const seen = await exec(one, 'hostname; cat /etc/resolv.conf; ip -4 -o addr show eth0; ps');
      expect(seen.out).toContain('sharedhost\nsearch svc.local\nnameserver 10.0.0.10\noptions ndots:5\n');
      expect(seen.out).toContain(told?.network?.ip ?? 'no address');
      expect(seen.out).toContain('sleep 2000');
      expect(seen.out).toMatch(/^ *1 \S+ +\/pause$/m); // what holds the namespaces tells nothing of the host
      const capabilities = { addCapabilities: ['SYS_PTRACE'], dropCapabilities: [], addAmbientCapabilities: [] };
      const tracer = await started(pod, 'tracer', { ...sh('sleep 4000'), linux: { securityContext: { capabilities } } });
      expect((await exec(tracer, 'ls /proc/1/root/; readlink /proc/1/exe')).out).toBe('pause\n/pause\n');
      const own = {
        ...sh('sleep 3000'),
        linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER } } },
      };
      const three = await started(pod, 'three', own);
      expect((await exec(three, 'ps')).out).not.toContain('sleep 2000');
      expect(two).not.toBe(one);
    });

    test('a container lives and ends, and its lines are logged as kubelet reads them', async () => {
      const logDirectory = join(engine.folder, 'pod-logs');
      const pod = await run('logs', { logDirectory });
      const container = await started(pod, 'main', { ...sh('echo out; echo err >&2; printf part; exit 3'), logPath: 'main/0.log' });
      await until('its end', async () => (await status(container))?.state === ContainerState.CONTAINER_EXITED);
      const file = join(logDirectory, 'main/0.log');
      expect(await status(container)).toMatchObject({ exitCode: 3, reason: 'Error', logPath: file });
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      expect(lines.map((line) => line.replace(/^\S+Z /, '')).sort()).toEqual(['stderr F err', 'stdout F out', 'stdout P part']);
      const { startedAt = 0n, finishedAt = 0n } = (await status(container)) ?? {};
      expect(finishedAt).toBeGreaterThanOrEqual(startedAt);
    });

    test('a log that was renamed goes on in a new file; a long line comes in parts', async () => {
      const logDirectory = join(engine.folder, 'pod-logs-2');
      const pod = await run('rotate', { logDirectory });
      const container = await started(pod, 'main', {
        ...sh(
          'head -c 16384 /dev/zero | tr "\\0" a; echo; head -c 16385 /dev/zero | tr "\\0" b; echo; while ! test -e /go; do sleep 0.1; done; echo after; sleep 1000',
        ),
        logPath: '0.log',
      });
      const file = join(logDirectory, '0.log');
      const tags = (path: string) =>
        readFileSync(path, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => `${line.split(' ')[2]}${line.split(' ')[3]?.length}`);
      await until('three lines', () => existsSync(file) && tags(file).length === 3);
      expect(tags(file)).toEqual(['F16384', 'P16384', 'F1']);
      renameSync(file, `${file}.1`);
      await cri.runtime.reopenContainerLog(ctx, { containerId: container });
      await exec(container, 'touch /go');
      await until('the new file', () => readFileSync(file, 'utf8').endsWith('stdout F after\n'));
      expect(tags(`${file}.1`)).toHaveLength(3);
    });

    test('a command runs in a container with its exit code, and no longer than its time-out', async () => {
      const container = await started(await run('exec'), 'main', sh('sleep 1000'));
      expect(await exec(container, 'echo o; echo e >&2; exit 7')).toEqual({ out: 'o\n', err: 'e\n', exitCode: 7 });
      const began = Date.now();
      await expect(exec(container, 'sleep 100 & sleep 100', 1n)).rejects.toMatchObject({ kind: 'deadlineExceeded' });
      expect(Date.now() - began).toBeLessThan(30_000);
      await expect(cri.runtime.execSync(ctx, { containerId: container, cmd: ['/nosuch'], timeout: 0n })).rejects.toMatchObject({
        kind: 'unknown',
      });
      expect((await exec(container, 'head -c 20000000 /dev/zero')).out.length).toBe(7 * 1024 * 1024);
    });

    test('it is stopped by its signal, then by force, and what cannot start says why', async () => {
      const pod = await run('stop');
      const polite = await started(pod, 'polite', sh('trap "exit 5" TERM; touch /ready; while :; do sleep 0.1; done'));
      await until('the trap', async () => (await exec(polite, 'test -e /ready')).exitCode === 0);
      await cri.runtime.stopContainer(ctx, { containerId: polite, timeout: 30n });
      expect(await status(polite)).toMatchObject({ exitCode: 5 });
      const deaf = await started(pod, 'deaf', sh('trap "" TERM; sleep 1000'));
      await cri.runtime.stopContainer(ctx, { containerId: deaf, timeout: 0n });
      expect(await status(deaf)).toMatchObject({ exitCode: 137, reason: 'Error' });
      const bad = await create(pod, 'bad', { command: ['/nosuch'] });
      await expect(cri.runtime.startContainer(ctx, { containerId: bad })).rejects.toMatchObject({ kind: 'unknown' });
      expect(await status(bad)).toMatchObject({
        state: ContainerState.CONTAINER_EXITED,
        exitCode: 128,
        reason: 'StartError',
        startedAt: 0n,
      });
      const done = await started(pod, 'done', sh('true'));
      await until('its end', async () => (await status(done))?.state === ContainerState.CONTAINER_EXITED);
      expect(await status(done)).toMatchObject({ exitCode: 0, reason: 'Completed' });
    });

    test('user, capabilities, system calls, masks, root file system and mounts are as kubelet says', async () => {
      const source = join(engine.folder, 'volume');
      mkdirSync(source);
      writeFileSync(join(source, 'file'), 'from the host\n');
      const pod = await run('secure', { linux: { sysctls: { 'kernel.shm_rmid_forced': '1' } } });
      const securityContext = {
        runAsUser: { value: 1234n },
        runAsGroup: { value: 2345n },
        supplementalGroups: [3456n],
        readonlyRootfs: true,
        noNewPrivs: true,
        seccomp: { profileType: 0, localhostRef: '' },
        maskedPaths: ['/proc/kcore'],
        readonlyPaths: ['/proc/sys'],
        capabilities: { addCapabilities: [], dropCapabilities: ['ALL'], addAmbientCapabilities: [] },
      };
      const mounts = [{ containerPath: '/data', hostPath: source, readonly: true }];
      const container = await started(pod, 'main', {
        ...sh('sleep 1000'),
        mounts,
        envs: [{ key: 'WORD', value: Buffer.from('said') }],
        workingDir: '/tmp',
        linux: { resources: { memoryLimitInBytes: 64n * 1024n * 1024n, oomScoreAdj: 500n }, securityContext },
      });
      const { out } = await exec(
        container,
        'id -u; id -g; id -G; pwd; echo $WORD; cat /data/file; (echo x > /data/y) 2>&1 | grep -o "Read-only"; (echo x > /root) 2>/dev/null || echo ro; cat /proc/sys/kernel/shm_rmid_forced; grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr "\\t" " "; head -c 1 /proc/kcore | wc -c; cat /proc/1/oom_score_adj',
      );
      expect(out.split('\n')).toEqual([
        '1234',
        '2345',
        '2345 3456',
        '/tmp',
        'said',
        'from the host',
        'Read-only',
        'ro',
        '1',
        'CapBnd: 0000000000000000',
        'NoNewPrivs: 1',
        'Seccomp: 2',
        '0',
        expect.any(String) as string,
        '',
      ]);
      const { stats } = await cri.runtime.containerStats(ctx, { containerId: container });
      expect(stats?.memory?.workingSetBytes?.value).toBeGreaterThan(0n);
      expect(stats?.cpu?.usageCoreNanoSeconds?.value).toBeGreaterThan(0n);
      const { stats: all } = await cri.runtime.listPodSandboxStats(ctx, { filter: undefined });
      expect(all[0]?.linux?.network?.defaultInterface?.name).toBe('eth0');
      await expect(create(pod, 'priv', { linux: { securityContext: { privileged: true } } })).rejects.toThrow(
        'no privileged container allowed',
      );
    });

    test('what kubelet wants of a pod that is guaranteed its resources is done as far as this process may; page sizes without a limit limit nothing', async () => {
      const pod = await run('guaranteed');
      const pages = ['2MB', '1GB'].map((pageSize) => ({ pageSize, limit: 0n }));
      const resources = { memoryLimitInBytes: 64n << 20n, cpuShares: 256n, cpuQuota: 25_000n, cpuPeriod: 100_000n };
      const container = await started(pod, 'main', {
        ...sh('sleep 1000'),
        linux: { resources: { ...resources, oomScoreAdj: -997n, hugepageLimits: pages } },
      });
      // The same by the kernel itself, for who started the engine: where it may go as low, so may a container.
      const probe = 'echo -997 2>/dev/null > /proc/self/oom_score_adj; cat /proc/self/oom_score_adj';
      const possible = (await engine.onHost('sh', ['-c', probe])).stdout.trim();
      expect((await exec(container, 'cat /proc/1/oom_score_adj')).out.trim()).toBe(possible);
      // kubelet compares what it asked for with what is told.
      expect((await status(container))?.resources?.linux).toMatchObject({ oomScoreAdj: -997n, hugepageLimits: pages });
    });

    test('what a pod may use is kept, told and changed; stats come as metrics and as streams', async () => {
      const pod = await run('limits', { linux: { resources: { cpuShares: 512n }, overhead: { memoryLimitInBytes: 7n } } });
      const container = await started(pod, 'main', sh('sleep 1000'));
      const told = async () => {
        const { info } = await cri.runtime.podSandboxStatus(ctx, { podSandboxId: pod, verbose: true });
        return (JSON.parse(info['info'] ?? '{}') as { config: { linux: object } }).config.linux;
      };
      expect(await told()).toMatchObject({ resources: { cpuShares: '512' }, overhead: { memoryLimitInBytes: '7' } });
      const resources = LinuxContainerResources.fromPartial({ cpuShares: 1024n });
      await cri.runtime.updatePodSandboxResources(ctx, { podSandboxId: pod, overhead: undefined, resources });
      expect(await told()).toMatchObject({ resources: { cpuShares: '1024' }, overhead: { memoryLimitInBytes: '7' } });
      const annotations = { some: 'thing' };
      await expect(
        cri.runtime.updateContainerResources(ctx, { containerId: container, linux: undefined, windows: undefined, annotations }),
      ).rejects.toMatchObject({ kind: 'notImplemented' });

      const { descriptors } = await cri.runtime.listMetricDescriptors(ctx, {});
      const keys = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys.length]));
      const { podMetrics } = await cri.runtime.listPodSandboxMetrics(ctx, {});
      expect(podMetrics.map(({ podSandboxId }) => podSandboxId)).toEqual([pod]);
      const rows = [...(podMetrics[0]?.metrics ?? []), ...(podMetrics[0]?.containerMetrics[0]?.metrics ?? [])];
      expect(rows.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['container_network_receive_bytes_total', 'container_memory_working_set_bytes']),
      );
      for (const { name, labelValues } of rows) expect(labelValues).toHaveLength(keys.get(name) ?? 0);
      const ids: (string | undefined)[] = [];
      for await (const { containerStats } of cri.runtime.streamContainerStats(ctx, { filter: undefined }))
        ids.push(...containerStats.map(({ attributes }) => attributes?.id));
      for await (const { podSandboxStats } of cri.runtime.streamPodSandboxStats(ctx, { filter: undefined }))
        ids.push(...podSandboxStats.map(({ attributes }) => attributes?.id));
      for await (const { podSandboxMetrics } of cri.runtime.streamPodSandboxMetrics(ctx, {}))
        ids.push(...podSandboxMetrics.map(({ podSandboxId }) => podSandboxId));
      expect(ids).toEqual([container, pod, pod]);
    });

    test("a sandbox's profile is asked to be one; a read-only mount is so at its top, or all the way down where that is asked for", async () => {
      const seccomp = { profileType: 2, localhostRef: '/nosuch' };
      await expect(run('profile', { linux: { securityContext: { seccomp } } })).rejects.toThrow('seccomp profile "/nosuch" cannot be used');
      const source = join(engine.folder, 'with-mount');
      mkdirSync(join(source, 'below'), { recursive: true });
      await engine.onHost('mount', ['-t', 'tmpfs', 'tmpfs', join(source, 'below')]);
      try {
        const pod = await run('read-only');
        const mounts = [
          { containerPath: '/top', hostPath: source, readonly: true },
          { containerPath: '/all', hostPath: source, readonly: true, recursiveReadOnly: true },
        ];
        const container = await started(pod, 'main', { ...sh('sleep 1000'), mounts });
        const touch = async (path: string) => (await exec(container, `touch ${path}`)).exitCode;
        expect([await touch('/top/x'), await touch('/top/below/x'), await touch('/all/below/x')]).toEqual([1, 0, 1]);
      } finally {
        for (const pod of pods.splice(0)) await cri.runtime.removePodSandbox(ctx, { podSandboxId: pod });
        await engine.onHost('umount', [join(source, 'below')]);
      }
    });

    test('events tell the life of a pod in its order', async () => {
      const stop = new AbortController();
      const seen: string[] = [];
      const events = cri.runtime.getContainerEvents(derive(ctx, { signal: stop.signal }), {}, { timeoutMs: 600_000 });
      const reading = (async () => {
        for await (const event of events)
          seen.push(`${event.containerId.slice(0, 6)} ${ContainerEventType[event.containerEventType].split('_')[1]}`);
      })().catch(() => undefined);
      await events.opened;
      const pod = await run('events');
      const container = await started(pod, 'main', sh('exit 0'));
      await until('its end', async () => (await status(container))?.state === ContainerState.CONTAINER_EXITED);
      await cri.runtime.removePodSandbox(ctx, { podSandboxId: pod });
      const [p, c] = [pod.slice(0, 6), container.slice(0, 6)];
      const mine = () => seen.filter((line) => line.startsWith(p) || line.startsWith(c));
      await until('the last event', () => mine().includes(`${p} DELETED`));
      stop.abort();
      await reading;
      expect(mine()).toEqual([
        `${p} CREATED`,
        `${p} STARTED`,
        `${c} CREATED`,
        `${c} STARTED`,
        `${c} STOPPED`,
        `${p} STOPPED`,
        `${c} DELETED`,
        `${p} DELETED`,
      ]);
    });

    test('a host port leads to the pod; a pod of the host has its network', async () => {
      const pod = await run('port', { portMappings: [{ protocol: 0, containerPort: 80, hostPort: 18080, hostIp: '' }] });
      await started(pod, 'main', sh('mkdir -p /www; echo hello > /www/index.html; httpd -f -p 80 -h /www'));
      await until(
        'the answer',
        async () => (await engine.onHost('curl', ['-s', '--max-time', '2', 'http://127.0.0.1:18080/'])).stdout === 'hello\n',
      );
      const namespaceOptions = {
        network: NamespaceMode.NODE,
        pid: NamespaceMode.POD,
        ipc: NamespaceMode.POD,
        targetId: '',
        usernsOptions: undefined,
      };
      const host = await run('host', { linux: { securityContext: { namespaceOptions } } });
      const container = await started(host, 'main', sh('sleep 1000'));
      expect((await exec(container, 'ip -o link')).out).toContain(': lo:');
      expect((await cri.runtime.podSandboxStatus(ctx, { podSandboxId: host, verbose: false })).status?.network?.ip).toBe('');
    });

    const plugins = existsSync('/usr/lib/cni/bridge') && existsSync('/usr/lib/cni/host-local');
    const withPlugins = plugins ? test : test.skip;
    withPlugins(`a CNI configuration gives pods their addresses${plugins ? '' : ' [needs containernetworking-plugins]'}`, async () => {
      const file = join(confDirectory, '10-pods.conflist');
      const bridge = {
        type: 'bridge',
        bridge: 'cri-e2e0',
        isGateway: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: '10.77.0.0/24' }]], dataDir: join(engine.folder, 'ipam') },
      };
      writeFileSync(file, JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: [bridge] }));
      try {
        await until(
          'the configuration',
          async () => (await cri.runtime.status(ctx, { verbose: true })).info['cniconfig']?.includes('"pods"') === true,
        );
        const pod = await run('by-cni');
        const { status: told } = await cri.runtime.podSandboxStatus(ctx, { podSandboxId: pod, verbose: false });
        expect(told?.network?.ip).toMatch(/^10\.77\.0\.\d+$/);
        const container = await started(pod, 'main', sh('sleep 1000'));
        expect((await exec(container, 'ip -4 -o addr show eth0')).out).toContain(told?.network?.ip ?? 'no address');
        await cri.runtime.removePodSandbox(ctx, { podSandboxId: pod });
        expect(existsSync(join(engine.folder, 'ipam/pods', told?.network?.ip ?? ''))).toBe(false);
      } finally {
        rmSync(file);
      }
    });
  });
});
