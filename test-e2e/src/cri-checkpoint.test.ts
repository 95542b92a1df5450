import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerState } from '@gantry/api/runtime/v1/api';
import { connectCri, containerNamed, type CriClient, criContext as ctx, imageNamed, podNamed, pushBox } from './harness/cri';
import { workingCriu } from './harness/criu';
import { command, type Engine, startEngine, startRegistry, type Registry, until } from './harness';

/** By its path, as programs of the same name come before it on the engine's PATH. */
const criu = workingCriu();
/** An image whose one layer is a checkpoint's archive, as an OCI layout. */
function imageOf(name: string, archive: string, layout: string): void {
  const blobs = join(layout, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const blob = (mediaType: string, data: Buffer) => {
    const hex = createHash('sha256').update(data).digest('hex');
    writeFileSync(join(blobs, hex), data);
    return { mediaType, digest: `sha256:${hex}`, size: data.length };
  };
  const oci = 'application/vnd.oci.image';
  const json = (mediaType: string, value: object) => blob(mediaType, Buffer.from(JSON.stringify({ mediaType, ...value })));
  const layer = blob(`${oci}.layer.v1.tar`, readFileSync(archive));
  const config = json(`${oci}.config.v1+json`, {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  const annotations = { 'org.criu.checkpoint.container.name': 'first' };
  const manifest = json(`${oci}.manifest.v1+json`, { schemaVersion: 2, config, layers: [layer], annotations });
  const manifests = [{ ...manifest, annotations: { 'io.containerd.image.name': name } }];
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
}

const criuTest = criu !== undefined ? test : test.skip;

/** kubelet's CheckpointContainer. The engine finds a criu that is the real one, none, or one of another day, as a test writes it. */
describe('checkpoints of containers of pods', () => {
  let engine: Engine;
  let registry: Registry;
  let cri: CriClient;
  let image: string;
  let programs: string;
  let pod: string;
  const criuIs = (script: string) => writeFileSync(join(programs, 'criu'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  beforeAll(async () => {
    programs = mkdtempSync(join(tmpdir(), 'gantry-e2e-criu-'));
    mkdirSync(join(programs, 'none'));
    criuIs(`exec ${criu} "$@"`);
    engine = await startEngine('gantry', {
      config: { network: `cni:\n  conf-directory: ${join(programs, 'none')}\n` },
      environment: { PATH: `${programs}:${process.env['PATH']}` },
    });
    registry = await startRegistry(engine);
    image = await pushBox(engine, registry);
    cri = connectCri(`${engine.run}/cri.sock`);
    await cri.images.pullImage(ctx, { image: imageNamed(image), auth: undefined, sandboxConfig: undefined });
    pod = (await cri.runtime.runPodSandbox(ctx, { config: podOf('box'), runtimeHandler: '' })).podSandboxId;
  }, 120_000);
  afterAll(async () => {
    if (pod !== undefined) await cri.runtime.removePodSandbox(ctx, { podSandboxId: pod });
    cri?.close();
    await registry?.stop();
    await engine?.destroy();
    rmSync(programs, { recursive: true, force: true });
  }, 180_000);

  const podOf = (name: string) => podNamed(name, { hostname: 'frozen', logDirectory: join(programs, 'logs') });
  const counting = 'echo kept >/file; i=0; while :; do i=$((i+1)); echo $i; echo $i >/dev/shm/n; sleep 0.1; done';
  const create = async (name: string, change = {}) => {
    const config = containerNamed(name, image, { command: ['sh', '-c', counting], logPath: `${name}.log`, ...change });
    return (await cri.runtime.createContainer(ctx, { podSandboxId: pod, config, sandboxConfig: podOf('box') })).containerId;
  };
  const running = async (name: string) => {
    const containerId = await create(name);
    await cri.runtime.startContainer(ctx, { containerId });
    return containerId;
  };
  const checkpoint = (containerId: string, location: string, timeout = 0n) =>
    cri.runtime.checkpointContainer(ctx, { containerId, location, timeout });
  const state = async (containerId: string) => (await cri.runtime.containerStatus(ctx, { containerId, verbose: false })).status?.state;
  const counted = async (containerId: string) =>
    Number((await cri.runtime.execSync(ctx, { containerId, cmd: ['cat', '/dev/shm/n'], timeout: 0n })).stdout.toString());

  test('without criu, or with an old one, the refusal comes first and names it', async () => {
    for (const script of ['echo "Version: 3.15"', 'exit 127']) {
      criuIs(script);
      await expect(checkpoint('nobody', '/x')).rejects.toMatchObject({
        kind: 'unknown',
        message: expect.stringContaining('CRIU binary not found or too old (<31600). Failed to checkpoint container "nobody"') as string,
      });
    }
  });

  test('what cannot be checkpointed is told, and nothing is left', async () => {
    criuIs('echo "Version: 4.2"; [ "$1" = --version ] || exit 3');
    await expect(checkpoint('nobody', '/x')).rejects.toMatchObject({ kind: 'notFound' });
    const created = await create('waits');
    await expect(checkpoint(created, '/x')).rejects.toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining(
        `container "${created}" is in CONTAINER_CREATED state. only CONTAINER_RUNNING containers can be checkpointed`,
      ) as string,
    });
    const id = await running('refused');
    await expect(checkpoint(id, 'relative')).rejects.toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining('"relative"') as string,
    });
    await expect(checkpoint(id, join(programs, 'failed.tar'))).rejects.toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining(`checkpointing container "${id}" failed: `) as string,
    });
    expect(await state(id)).toBe(ContainerState.CONTAINER_RUNNING);
    expect(readdirSync(programs).filter((name) => name.includes('.tar'))).toEqual([]);
    expect(readdirSync(join(engine.root, 'cri/checkpoints'))).toEqual([]);
  });

  test('one that takes longer than its time ends then, criu with it, and the container goes on', async () => {
    const pids = join(programs, 'pids');
    criuIs(`[ "$1" = --version ] && echo "Version: 4.2" && exit; sleep 1000 & echo "$$ $!" >${pids}; wait`);
    const id = await running('late');
    await expect(checkpoint(id, join(programs, 'late.tar'), 1n)).rejects.toMatchObject({
      kind: 'deadlineExceeded',
      message: expect.stringContaining('timeout 1s exceeded') as string,
    });
    expect(existsSync(join(programs, 'late.tar'))).toBe(false);
    const left = (): string[] =>
      readFileSync(pids, 'utf8')
        .trim()
        .split(' ')
        .filter((pid) => existsSync(`/proc/${pid}/root/`));
    await until('the end of criu', () => left().length === 0);
    expect(readdirSync(join(engine.root, 'cri/checkpoints'))).toEqual([]);
    expect(await state(id)).toBe(ContainerState.CONTAINER_RUNNING);
  });

  criuTest(
    `the archive holds what readers of containerd's look for; the container goes on${criu !== undefined ? '' : ' [needs a criu whose check passes, GANTRY_CRIU]'}`,
    async () => {
      criuIs(`exec ${criu} "$@"`);
      const id = await running('counts');
      await until('it to count', async () => (await counted(id)) > 2);
      const location = join(programs, 'counts.tar');
      await checkpoint(id, location, 60n);
      const before = await counted(id);
      await until('it to count on', async () => (await counted(id)) > before);
      expect(statSync(location).mode & 0o777).toBe(0o600);
      const out = join(programs, 'out');
      mkdirSync(out);
      expect((await command('tar', ['-xf', location, '-C', out])).code).toBe(0);
      expect(readdirSync(out)).toEqual(
        expect.arrayContaining([
          'checkpoint',
          'config.dump',
          'container.log',
          'dump.log',
          'rootfs-diff.tar',
          'spec.dump',
          'status',
          'status.dump',
        ]),
      );
      expect(readdirSync(join(out, 'checkpoint'))).toEqual(expect.arrayContaining(['inventory.img', 'pages-1.img', 'descriptors.json']));
      const json = (name: string) => JSON.parse(readFileSync(join(out, name), 'utf8')) as Record<string, unknown>;
      expect(json('config.dump')).toMatchObject({
        id,
        name: 'counts_box_default_box-uid_0',
        rootfsImageName: image,
        runtime: 'runc',
        restored: false,
      });
      expect(json('status.dump')).toMatchObject({
        id,
        state: 1,
        metadata: { name: 'counts' },
        image: { image },
        log_path: join(programs, 'logs/counts.log'),
      });
      expect(json('spec.dump')).toMatchObject({ annotations: { 'io.kubernetes.cri.container-name': 'counts' } });
      expect(json('status')).toMatchObject({ Version: 'v1', Pid: expect.any(Number) as number, FinishedAt: 0 });
      expect(readFileSync(join(out, 'container.log'), 'utf8')).toMatch(/stdout F 2\n/);
      expect((await command('tar', ['-xOf', join(out, 'rootfs-diff.tar'), 'file'])).stdout).toBe('kept\n');
    },
    60_000,
  );

  criuTest(
    `a container made from an archive, or from an image of its files, goes on where it was${criu !== undefined ? '' : ' [needs a criu whose check passes, GANTRY_CRIU]'}`,
    async () => {
      criuIs(`exec ${criu} "$@"`);
      const first = await running('first');
      await until('it to count', async () => (await counted(first)) > 2);
      const location = join(programs, 'first.tar');
      await checkpoint(first, location);
      const last = await counted(first);
      await cri.runtime.removeContainer(ctx, { containerId: first });
      const name = 'example.org/first:1';
      const layout = join(programs, 'first.oci');
      imageOf(name, location, layout);
      const packed = await command('tar', ['-cf', `${layout}.tar`, '-C', layout, '.']);
      expect(packed.code).toBe(0);
      const imported = await engine.onHost('ctr', [
        '-a',
        `${engine.run}/supervisor.sock`,
        '-n',
        'k8s.io',
        'images',
        'import',
        `${layout}.tar`,
      ]);
      expect(imported).toMatchObject({ code: 0 });
      for (const [again, source] of [
        ['archive', location],
        ['image', name],
      ] as const) {
        const config = containerNamed(again, source, { command: ['sh', '-c', counting], logPath: `${again}.log` });
        const { containerId } = await cri.runtime.createContainer(ctx, { podSandboxId: pod, config, sandboxConfig: podOf('box') });
        await cri.runtime.startContainer(ctx, { containerId });
        const { status } = await cri.runtime.containerStatus(ctx, { containerId, verbose: false });
        expect(status).toMatchObject({ state: ContainerState.CONTAINER_RUNNING, image: { image }, annotations: { restored: 'true' } });
        await until('it to count on', async () => (await counted(containerId)) > last);
        const numbers = readFileSync(join(programs, 'logs', `${again}.log`), 'utf8')
          .split('\n')
          .filter(Boolean)
          .map((line) => Number(line.split(' ').at(-1)));
        // The log goes on behind the archive's copy, which may have more than was written when the container stood still.
        expect(numbers.filter((number, at) => number !== (numbers[at - 1] ?? 0) + 1).length).toBeLessThanOrEqual(1);
        expect(numbers[0]).toBe(1);
        const { stdout } = await cri.runtime.execSync(ctx, { containerId, cmd: ['cat', '/file'], timeout: 0n });
        expect(stdout.toString()).toBe('kept\n');
        await cri.runtime.stopContainer(ctx, { containerId, timeout: 0n });
        expect((await cri.runtime.containerStatus(ctx, { containerId, verbose: false })).status).toMatchObject({ exitCode: 137 });
        await cri.runtime.removeContainer(ctx, { containerId });
      }
      expect(readdirSync(join(engine.root, 'cri/restores'))).toEqual([]);
    },
    120_000,
  );

  test('an archive that is none is refused at create, and nothing is left', async () => {
    const broken = join(programs, 'broken.tar');
    writeFileSync(broken, Buffer.alloc(1024));
    const config = containerNamed('broken', broken, {});
    const create = cri.runtime.createContainer(ctx, { podSandboxId: pod, config, sandboxConfig: podOf('box') });
    await expect(create).rejects.toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining('failed to read "config.dump"') as string,
    });
    expect(readdirSync(join(engine.root, 'cri/restores'))).toEqual([]);
  });
});
