import { mkdirSync, statSync, writeFileSync, chownSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NamespaceMode } from '@gantry/api/runtime/v1/api';
import { newContext } from '@gantry/rpc';
import { type Engine, loadBusybox, pruneVolumes, startEngine, until } from './harness';
import { connectCri, containerNamed, type CriClient, criContext as ctx, imageNamed, podNamed } from './harness/cri';

const IMAGE = 'docker.io/library/busybox:latest';
const DATA = 'docker.io/library/data:1';
const DECLARED = 'docker.io/library/declared:1';

/** What kubelet gives containers beside their root: images, devices, capabilities and volumes with options of their own. */
describe('what containers of pods are given', () => {
  let engine: Engine;
  let cri: CriClient;
  let pod: string;
  let devices: string;
  const config = podNamed('given');
  beforeAll(async () => {
    engine = await startEngine('gantry', {
      config: { network: 'cni:\n  conf-directory: /nonexistent\n', cri: `cdi-spec-dirs: [/tmp/gantry-cdi-${process.pid}]\n` },
    });
    devices = `/tmp/gantry-cdi-${process.pid}`;
    mkdirSync(devices, { recursive: true });
    await loadBusybox(engine);
    const script =
      'mkdir -p /models/small && echo weights > /models/small/w && ln -s /etc /models/out && ln -s small /models/best && echo top > /top';
    expect((await engine.docker(['run', '--name', 'make', 'busybox', 'sh', '-c', script])).code).toBe(0);
    expect((await engine.docker(['commit', 'make', 'data:1'])).code).toBe(0);
    expect((await engine.docker(['rm', 'make'])).code).toBe(0);
    expect(
      (await engine.docker(['run', '--name', 'make', 'busybox', 'sh', '-c', 'mkdir /declared && echo kept > /declared/kept'])).code,
    ).toBe(0);
    expect((await engine.docker(['commit', '-c', 'VOLUME /declared', 'make', 'declared:1'])).code).toBe(0);
    expect((await engine.docker(['rm', 'make'])).code).toBe(0);
    for (const image of ['busybox', 'declared:1', 'data:1']) {
      const file = join(engine.folder, 'given.tar');
      expect((await engine.docker(['save', '-o', file, image])).code).toBe(0);
      expect((await engine.onHost('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', 'k8s.io', 'images', 'import', file])).code).toBe(0);
    }
    cri = connectCri(`${engine.run}/cri.sock`);
    pod = (await cri.runtime.runPodSandbox(ctx, { config, runtimeHandler: '' })).podSandboxId;
  }, 120_000);
  afterAll(async () => {
    if (pod !== undefined) await cri.runtime.removePodSandbox(ctx, { podSandboxId: pod });
    cri?.close();
    await engine.onHost('rm', ['-rf', devices]);
    await engine.destroy();
  }, 180_000);

  let made = 0;
  const create = async (change: object) => {
    const asked = containerNamed(`c${++made}`, IMAGE, { command: ['sleep', '1000'], ...change });
    return (await cri.runtime.createContainer(ctx, { podSandboxId: pod, config: asked, sandboxConfig: config })).containerId;
  };
  const started = async (change: object) => {
    const containerId = await create(change);
    await cri.runtime.startContainer(ctx, { containerId });
    return containerId;
  };
  const sh = async (containerId: string, script: string) => {
    const { stdout, stderr, exitCode } = await cri.runtime.execSync(ctx, { containerId, cmd: ['sh', '-c', script], timeout: 20n });
    return exitCode === 0 ? stdout.toString().trim() : `${exitCode}: ${stderr.toString().trim()}`;
  };
  const volume = (containerPath: string, imageSubPath = '', change: object = {}) => ({
    containerPath,
    readonly: true,
    image: imageNamed(DATA),
    imageSubPath,
    ...change,
  });

  test('images are mounted read-only, whole or a path of theirs, and stay though the image goes', async () => {
    const id = await started({ mounts: [volume('/whole'), volume('/small', 'models/small'), volume('/best', 'models/best')] });
    expect(await sh(id, 'cat /whole/top /small/w /best/w')).toBe('top\nweights\nweights');
    expect(await sh(id, 'touch /whole/x /small/x')).toContain('Read-only file system');
    await cri.images.removeImage(ctx, { image: imageNamed(DATA) });
    expect(await sh(id, 'cat /whole/models/small/w')).toBe('weights');
    expect(
      (
        await engine.onHost('ctr', [
          '-a',
          `${engine.run}/supervisor.sock`,
          '-n',
          'k8s.io',
          'images',
          'import',
          join(engine.folder, 'given.tar'),
        ])
      ).code,
    ).toBe(0);
    const views = async () =>
      (await engine.onHost('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', 'k8s.io', 'snapshots', 'ls'])).stdout
        .split('\n')
        .filter((line) => line.includes('-image-'));
    expect(await views()).toHaveLength(3);
    await cri.runtime.removeContainer(ctx, { containerId: id });
    expect(await views()).toEqual([]);
    expect(readFileSync('/proc/mounts', 'latin1')).not.toContain(`${id}-image-`);
  });

  test.each([
    [volume('/v', '../x'), 'is not a path within the image'],
    [volume('/v', 'models/out'), 'leads outside of the image'],
    [volume('/v', 'none'), 'is not in the image'],
    [volume('/v', '', { image: imageNamed('none:1') }), 'failed to resolve image "none:1": not found'],
    [volume('/v', '', { readonly: false }), 'readonly must be true'],
  ])('an image volume that cannot be is told, and leaves nothing: %#', async (mount, words) => {
    await expect(create({ mounts: [volume('/ok'), mount] })).rejects.toThrow(words);
    const { stdout } = await engine.onHost('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', 'k8s.io', 'snapshots', 'ls']);
    expect(stdout).not.toContain('-image-');
  });

  test('devices are given by their names; one that nobody describes is refused', async () => {
    const edits = { env: ['GIVEN=yes'], mounts: [{ hostPath: devices, containerPath: '/described', options: ['ro', 'rbind'] }] };
    writeFileSync(
      join(devices, 'v.json'),
      JSON.stringify({ cdiVersion: '0.6.0', kind: 'vendor.com/dev', devices: [{ name: 'a', containerEdits: edits }] }),
    );
    for (const change of [{ CDIDevices: [{ name: 'vendor.com/dev=a' }] }, { annotations: { 'cdi.k8s.io/plugin': 'vendor.com/dev=a' } }])
      expect(await sh(await started(change), 'echo $GIVEN; ls /described')).toBe('yes\nv.json');
    await expect(create({ CDIDevices: [{ name: 'vendor.com/dev=b' }] })).rejects.toThrow('unresolvable CDI devices vendor.com/dev=b');
  });

  test('ambient capabilities stay with a program that is not root', async () => {
    const capabilities = { addCapabilities: [], dropCapabilities: ['ALL'], addAmbientCapabilities: ['NET_BIND_SERVICE'] };
    const id = await started({
      linux: { securityContext: { runAsUser: { value: 1234n }, capabilities, namespaceOptions: { pid: NamespaceMode.CONTAINER } } },
    });
    expect(await sh(id, 'grep -E "^Cap(Eff|Amb|Bnd)" /proc/1/status | tr -d "\\t"')).toBe(
      ['CapEff', 'CapBnd', 'CapAmb'].map((name) => `${name}:0000000000000400`).join('\n'),
    );
  });

  test('a volume has options and a map of ids of its own', async () => {
    const source = join(engine.folder, 'mapped');
    mkdirSync(source);
    writeFileSync(join(source, 'program'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
    chownSync(join(source, 'program'), 0, 0);
    const map = (containerId: number) => [{ containerId, hostId: 5000, length: 1000 }];
    const mounts = [
      { containerPath: '/plain', hostPath: source, mountOptions: ['noexec'] },
      { containerPath: '/mapped', hostPath: source, uidMappings: map(0), gidMappings: map(0) },
    ];
    const id = await started({ mounts });
    expect(await sh(id, '/plain/program')).toContain('ermission denied');
    expect(await sh(id, '/mapped/program; stat -c "%u:%g" /plain/program /mapped/program')).toBe('ran\n0:0\n5000:5000');
    expect(statSync(join(source, 'program')).uid).toBe(0);
  });

  test('a pod has ids of its own, through which its containers see their root and their volumes', async () => {
    const map = [{ containerId: 0, hostId: 200000, length: 65536 }];
    const namespaceOptions = { pid: NamespaceMode.CONTAINER, usernsOptions: { mode: NamespaceMode.POD, uids: map, gids: map } };
    const mapped = podNamed('mapped', { hostname: 'mapped', linux: { securityContext: { namespaceOptions } } });
    const another = newContext({ namespace: '' }); // by another operation than the first pod's
    const { podSandboxId } = await cri.runtime.runPodSandbox(another, { config: mapped, runtimeHandler: '' });
    try {
      const source = join(engine.folder, 'of-kubelet');
      mkdirSync(source);
      const own = { containerPath: '/volume', hostPath: source, uidMappings: map, gidMappings: map };
      const asked = containerNamed('root', IMAGE, {
        command: ['sh', '-c', 'touch /volume/made /made /dev/shm/made; sleep 1000'],
        mounts: [own, volume('/image')],
        linux: { securityContext: { namespaceOptions } },
      });
      const { containerId } = await cri.runtime.createContainer(ctx, { podSandboxId, config: asked, sandboxConfig: mapped });
      await cri.runtime.startContainer(ctx, { containerId });
      const script =
        'id -u; hostname; tr -s " " < /proc/self/uid_map; stat -c %u /made /volume/made /dev/shm/made /image/top /bin/sh /etc/resolv.conf; ip -o link show eth0 | wc -l';
      await until('the files', async () => (await sh(containerId, 'ls /dev/shm/made')) === '/dev/shm/made');
      expect((await sh(containerId, script)).split('\n').map((line) => line.trim())).toEqual([
        '0',
        'mapped',
        '0 200000 65536',
        ...Array<string>(6).fill('0'),
        '1',
      ]);
      expect(statSync(join(source, 'made')).uid).toBe(0);
      const { info } = await cri.runtime.podSandboxStatus(ctx, { podSandboxId, verbose: true });
      const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number };
      expect(readFileSync(`/proc/${pid}/status`, 'latin1')).toMatch(/^Uid:\t200000\t/m);
      const other = containerNamed('other', IMAGE, {
        linux: { securityContext: { namespaceOptions: { usernsOptions: { mode: NamespaceMode.NODE } } } },
      });
      await expect(cri.runtime.createContainer(ctx, { podSandboxId, config: other, sandboxConfig: mapped })).rejects.toThrow(
        'user namespace config for sandbox is different from container',
      );
    } finally {
      await cri.runtime.removePodSandbox(ctx, { podSandboxId });
    }
  });

  test('a volume that the image declares is one of the container alone, with what the image has there, also below a read-only root', async () => {
    const linux = { securityContext: { readonlyRootfs: true } };
    const listed = async () => (await engine.docker(['volume', 'ls', '-q'])).stdout.trim();
    const script = 'cat /declared/kept; touch /declared/x && ls /declared; touch /y';
    const config_ = { linux, image: imageNamed(DECLARED) };
    const id = await started(config_);
    expect(await sh(id, script)).toContain('Read-only file system');
    expect(await sh(id, 'cat /declared/kept; ls /declared')).toBe('kept\nkept\nx');
    expect(await listed()).toMatch(/^[0-9a-f]{64}$/);
    expect((await engine.docker(pruneVolumes())).code).toBe(0);
    const other = await started({ ...config_, mounts: [{ containerPath: '/declared/', hostPath: devices }] });
    expect(await sh(other, 'ls /declared')).not.toContain('kept');
    expect(await sh(id, 'cat /declared/kept')).toBe('kept');
    for (const containerId of [id, other]) await cri.runtime.removeContainer(ctx, { containerId });
    expect(await listed()).toBe('');
  });

  const apparmor = existsSync('/sys/module/apparmor/parameters/enabled');
  (apparmor ? test.skip : test)('a profile of AppArmor is refused where the kernel has none, as containerd does', async () => {
    for (const profileType of [0, 2])
      await expect(create({ linux: { securityContext: { apparmor: { profileType, localhostRef: 'x' } } } })).rejects.toThrow(
        'apparmor is not supported',
      );
    await create({ linux: { securityContext: { apparmor: { profileType: 1 } } } });
  });
});
