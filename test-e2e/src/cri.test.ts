import { type CriClient, connectCri, criContext as ctx, imageNamed } from './harness/cri';
import { type Engine, loadBusybox, startEngine, startRegistry, type Registry } from './harness';

describe("Kubernetes' container runtime interface", () => {
  let engine: Engine;
  let registry: Registry;
  let cri: CriClient;
  let repository: string;
  beforeAll(async () => {
    engine = await startEngine('gantry');
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
    expect(runtimeHandlers.map(({ name }) => name)).toEqual(['', 'runc']);
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

    test('what cannot be pulled is told', async () => {
      await expect(pull(`${repository}:nope`)).rejects.toMatchObject({ kind: 'notFound' });
      await expect(pull('a b')).rejects.toMatchObject({
        kind: 'unknown',
        message: expect.stringContaining('failed to parse image reference') as string,
      });
    });
  });
});
