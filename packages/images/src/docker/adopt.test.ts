import { newContext } from '@gantry/rpc';
import { startEngine, type TestEngine } from '../testing/engine';
import { dockerArchive } from '../testing/tar';

const docker = newContext({ namespace: 'docker' });
const kubernetes = newContext({ namespace: 'k8s.io' });
const layers = [[{ name: 'a', body: 'a' }], [{ name: 'b', body: 'b' }]];

describe('an image of another namespace', () => {
  let engine: TestEngine;
  beforeEach(async () => {
    engine = await startEngine();
  });
  afterEach(() => engine.stop());

  const adopt = (ref: string) => engine.images.adopt(docker, { ref, platform: undefined, from: 'k8s.io' });
  const find = async (ctx: typeof docker, ref: string) => (await engine.images.resolve(ctx, { ref, platform: undefined })).image;
  const removeAll = async (ctx: typeof docker, name: string) => {
    await engine.records.delete(ctx, { name, sync: true, target: undefined });
  };

  test('is adopted by name or id, and stays when the other one goes', async () => {
    const { archive, id } = await dockerArchive(['reg.io/app:1', 'reg.io/app:2'], layers);
    await engine.load(archive, kubernetes);
    const blobs = engine.blobFiles();
    const { image } = await adopt('reg.io/app:1');
    expect(image).toMatchObject({ id, repoTags: ['reg.io/app:1'] });
    expect(engine.blobFiles()).toEqual(blobs);
    for (const name of ['reg.io/app:1', 'reg.io/app:2']) await removeAll(kubernetes, name);
    await expect(find(kubernetes, id)).rejects.toMatchObject({ kind: 'notFound' });
    expect(engine.blobFiles()).toEqual(blobs);
    const { mounts } = await engine.snapshots.prepare(docker, { snapshotter: '', key: 'c', parent: image?.chainId ?? '', labels: {} });
    expect(mounts[0]?.type).toBe('overlay');
    await engine.snapshots.remove(docker, { snapshotter: '', key: 'c' });
    await removeAll(docker, 'reg.io/app:1');
    expect(engine.blobFiles()).toEqual([]);
  });

  test('leaves the other one whole when it goes here', async () => {
    const { archive, id } = await dockerArchive(['reg.io/app:1'], layers);
    await engine.load(archive, kubernetes);
    expect((await adopt(id)).image?.repoTags).toEqual(['reg.io/app:1']);
    await removeAll(docker, 'reg.io/app:1');
    const image = await find(kubernetes, 'reg.io/app:1');
    await engine.snapshots.prepare(kubernetes, { snapshotter: '', key: 'c', parent: image?.chainId ?? '', labels: {} });
    expect(image?.id).toBe(id);
    await expect(find(docker, id)).rejects.toMatchObject({ kind: 'notFound' });
  });

  test('is saved beside one that is here, and nothing of it is taken over', async () => {
    const [own, other] = [
      await dockerArchive(['reg.io/own:1'], layers),
      await dockerArchive(['reg.io/app:1', 'reg.io/app:2'], [layers[0] ?? []]),
    ];
    await engine.load(own.archive);
    await engine.load(other.archive, kubernetes);
    const saved = await engine.save(['reg.io/own:1', 'reg.io/app'], 'k8s.io');
    await expect(find(newContext(), 'reg.io/app:1')).rejects.toMatchObject({ kind: 'notFound' });
    await engine.load(saved, docker);
    expect((await find(docker, 'reg.io/own:1'))?.id).toBe(own.id);
    expect(await find(docker, other.id)).toMatchObject({ repoTags: ['reg.io/app:1', 'reg.io/app:2'] });
    await expect(engine.save(['reg.io/own:1', 'reg.io/none:1'], 'k8s.io')).rejects.toThrow('No such image: reg.io/none:1');
    await expect(engine.save(['reg.io/app:1'])).rejects.toThrow('No such image: reg.io/app:1');
  });

  test('that is not there is told so, and one cannot be its own', async () => {
    await expect(adopt('reg.io/none:1')).rejects.toMatchObject({ kind: 'notFound' });
    await expect(engine.images.adopt(docker, { ref: 'a', platform: undefined, from: 'docker' })).rejects.toMatchObject({
      kind: 'invalidArgument',
    });
  });
});
