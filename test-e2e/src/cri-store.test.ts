import { ContainerState } from '@gantry/api/runtime/v1/api';
import { dockerTakes, type Engine, loadBusybox, type Registry, startEngine, startRegistry, testWith, until } from './harness';
import { connectCri, containerNamed, type CriClient, criContext as ctx, imageNamed, podNamed } from './harness/cri';

describe('docker beside Kubernetes', () => {
  let engine: Engine;
  let registry: Registry | undefined;
  let cri: CriClient;
  let image: string;
  beforeAll(async () => {
    engine = await startEngine('gantry', {
      config: { network: 'cni:\n  conf-directory: /nonexistent\n', supervisor: 'cri: {visible: true}\n' },
    });
    registry = await startRegistry(engine);
    image = `${registry.name}/store/box:1`;
    await loadBusybox(engine);
    await engine.docker(['tag', 'busybox', image]);
    const pushed = await engine.docker(['push', image]);
    if (pushed.code !== 0) throw new Error(pushed.stderr);
    await engine.docker(['image', 'rm', '-f', image, 'busybox']);
    cri = connectCri(`${engine.run}/cri.sock`);
    await cri.images.pullImage(ctx, { image: imageNamed(image), auth: undefined, sandboxConfig: undefined });
  }, 120_000);
  afterAll(async () => {
    cri?.close();
    await registry?.stop();
    await engine.destroy();
  }, 180_000);

  const status = async () => (await cri.images.imageStatus(ctx, { image: imageNamed(image), verbose: false })).image;
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await engine.docker(args);
    return { code, text: `${stdout}${stderr}`.trim() };
  };
  const pruned = ['system', 'prune', '-af'];

  test('what kubelet pulled docker runs without a pull, and neither takes the image of the other', async () => {
    expect((await said('images', '-q', image)).text).toBe('');
    // Pushed it is docker's: what a registry knows it by is noted with it.
    expect(await said('push', image)).toEqual({ code: 0, text: expect.stringContaining('1: digest: sha256:') as string });
    expect((await said('rmi', image)).code).toBe(0);
    expect((await said('push', '-a', image.slice(0, -2))).code).toBe(0);
    expect((await said('rmi', image)).code).toBe(0);
    expect((await said('push', image.replace(/1$/, '2'))).text).toContain('does not exist');
    await registry?.stop(); // from here on nothing can be pulled
    registry = undefined;
    // As compose asks before it pulls; a look takes nothing over, a tag does.
    expect(await said('image', 'inspect', '-f', '{{index .RepoTags 0}}', image)).toEqual({ code: 0, text: image });
    expect((await said('history', '-q', image)).code).toBe(0);
    expect((await said('images', '-aq')).text).toBe('');
    expect((await said('image', 'inspect', 'nobodys')).text).toMatch(/No such image: nobodys/i);
    const archive = `${engine.folder}/saved.tar`;
    expect((await said('save', '-o', archive, image)).code).toBe(0);
    expect((await said('images', '-aq')).text).toBe('');
    expect((await said('load', '-i', archive)).text).toContain(`Loaded image: ${image}`);
    expect((await said('rmi', image)).code).toBe(0);
    expect((await said('tag', image, 'mine:1')).code).toBe(0);
    expect((await said('images', '--format', '{{.Repository}}:{{.Tag}}')).text.split('\n').sort()).toEqual([image, 'mine:1'].sort());
    expect((await said(...pruned)).code).toBe(0);
    expect(await said('run', '--rm', image, 'echo', 'hello')).toEqual({ code: 0, text: 'hello' });
    expect((await said('images', '--format', '{{.Repository}}:{{.Tag}}')).text).toBe(image);
    const before = await status();
    expect((await said(...pruned)).code).toBe(0);
    expect((await said('images', '-q')).text).toBe('');
    expect(await status()).toEqual(before);
    expect(await said('run', '--name', 'kept', image, 'echo', 'again')).toEqual({ code: 0, text: 'again' });
    await cri.images.removeImage(ctx, { image: imageNamed(image) });
    expect(await status()).toBeUndefined();
    expect(await said('start', '-a', 'kept')).toEqual({ code: 0, text: 'again' });
    expect(await said('run', '--rm', image, 'echo', 'still')).toEqual({ code: 0, text: 'still' });
    expect((await said('rm', 'kept')).code).toBe(0);
    expect((await said(...pruned)).code).toBe(0);
    expect((await said('run', '--rm', image, 'true')).text).toContain('Unable to find image');
  });

  const buildx = testWith('docker buildx', dockerTakes('--metadata-file', 'buildx', 'build'));
  for (const [name, buildkit, made] of [
    ['BuildKit', '1', buildx],
    ['classic', '0', test],
  ] as const)
    made(`what kubelet pulled is what builds begin with (${name})`, async () => {
      const loaded = 'docker.io/kubelet/base:1';
      const place = ['-a', `${engine.run}/supervisor.sock`, '-n', 'k8s.io', 'images'];
      for (const words of [
        ['import', `${engine.folder}/busybox.tar`],
        ['tag', 'docker.io/library/busybox:latest', loaded],
      ])
        expect((await engine.onHost('ctr', [...place, ...words])).code).toBe(0);
      const there = async () => (await cri.images.imageStatus(ctx, { image: imageNamed(loaded), verbose: false })).image;
      try {
        const before = await there();
        const input = 'FROM kubelet/base:1\nRUN echo made > /made\nCOPY --from=kubelet/base:1 /bin/busybox /again\n';
        const file = buildkit === '1' ? input : input.replace(/COPY.*\n/, '');
        const { code, stderr } = await engine.docker(['build', '-t', 'made', '-'], {
          input: file,
          env: { ...process.env, DOCKER_BUILDKIT: buildkit },
        });
        expect(code === 0 ? '' : stderr).toBe('');
        expect((await said('images', '-q', 'kubelet/base')).text).not.toBe('');
        expect(await said('run', '--rm', 'made', 'cat', '/made')).toEqual({ code: 0, text: 'made' });
        expect((await said('rmi', 'kubelet/base:1')).code).toBe(0);
        expect(await there()).toEqual(before);
        await cri.images.removeImage(ctx, { image: imageNamed(loaded) });
        expect(await said('run', '--rm', 'made', 'cat', '/made')).toEqual({ code: 0, text: 'made' });
      } finally {
        for (const name of [loaded, 'docker.io/library/busybox:latest']) await cri.images.removeImage(ctx, { image: imageNamed(name) });
        await said(...pruned);
      }
    });

  test('containers of pods are shown, and nothing can be done to them', async () => {
    const loaded = 'docker.io/library/busybox:latest';
    const ctr = ['-a', `${engine.run}/supervisor.sock`, '-n', 'k8s.io', 'images', 'import', `${engine.folder}/busybox.tar`];
    expect((await engine.onHost('ctr', ctr)).code).toBe(0);
    const { podSandboxId } = await cri.runtime.runPodSandbox(ctx, { config: podNamed('seen'), runtimeHandler: '' });
    try {
      const labels = { 'io.kubernetes.pod.name': 'seen', 'io.kubernetes.pod.namespace': 'default', 'io.kubernetes.pod.uid': 'u' };
      const config = containerNamed('main', loaded, { command: ['sleep', '1000'], labels });
      const { containerId } = await cri.runtime.createContainer(ctx, { podSandboxId, config, sandboxConfig: podNamed('seen') });
      await cri.runtime.startContainer(ctx, { containerId });
      const listed = async (...more: string[]) =>
        (
          await said(
            'ps',
            '--no-trunc',
            '--format',
            '{{.ID}} {{.Names}} {{.State}}',
            '--filter',
            'label=io.kubernetes.pod.name=seen',
            ...more,
          )
        ).text;
      const name = 'k8s_main_seen_default_u_0';
      expect(await listed()).toBe(`${containerId} ${name} running`);
      expect((await said('inspect', '-f', '{{.State.Status}} {{.Config.Image}}', name)).text).toBe(`running ${loaded}`);
      const refusal = `container ${name} (${containerId.slice(0, 12)}) belongs to a pod of Kubernetes`;
      for (const words of [
        ['stop'],
        ['kill'],
        ['rm', '-f'],
        ['restart'],
        ['pause'],
        ['logs'],
        ['update', '-m', '64m'],
        ['commit'],
        ['export'],
      ]) {
        const { code, text } = await said(...words, containerId.slice(0, 12));
        expect([words, code !== 0, text]).toEqual([words, true, expect.stringContaining(refusal)]);
      }
      expect((await said('exec', name, 'true')).text).toContain(refusal);
      expect((await said('rename', name, 'other')).text).toContain(refusal);
      for (const words of [['container', 'prune', '-f'], pruned]) expect((await said(...words)).code).toBe(0);
      expect((await cri.runtime.containerStatus(ctx, { containerId, verbose: false })).status?.state).toBe(
        ContainerState.CONTAINER_RUNNING,
      );
      await cri.runtime.stopContainer(ctx, { containerId, timeout: 0n });
      await until('its end', async () => (await listed('-a')) === `${containerId} ${name} exited`);
      expect((await said('container', 'prune', '-f')).code).toBe(0);
      expect(await listed('-a')).toBe(`${containerId} ${name} exited`);
    } finally {
      await cri.runtime.removePodSandbox(ctx, { podSandboxId });
    }
    expect((await said('ps', '-aq')).text).toBe('');
  });
});
