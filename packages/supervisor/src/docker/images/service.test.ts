import { type AdoptRequest, Image, ImageManifest } from '@gantry/api/gantry/images/v1/images';
import { Container as DockerContainer, Phase } from '@gantry/api/gantry/engine/v1/record';
import { type CallContext, newContext, notFound } from '@gantry/rpc';
import { memoryEvents } from '../events/testing/memory-events';
import { type ImagesNeeds, imagesHandlers } from './service';

const config = {
  author: 'me',
  config: {
    Cmd: ['sh'],
    Env: ['A=b'],
    ExposedPorts: { '80/tcp': {} },
    Labels: { l: '1' },
    Healthcheck: { Test: ['CMD', 'x'], Interval: 1e9 },
  },
};
const image = Image.fromPartial({
  id: 'sha256:aa',
  repoTags: ['app:1'],
  created: '2024-01-02T03:04:05.5Z',
  size: 10n,
  labels: { l: '1' },
  configJson: Buffer.from(JSON.stringify(config)),
  platform: { os: 'linux', architecture: 'amd64' },
  target: { mediaType: 'm', digest: 'sha256:bb', size: 3n },
  snapshotter: 'overlayfs',
});

function setUp(change: Record<string, unknown> = {}) {
  const events = memoryEvents();
  const asked: unknown[] = [];
  const images = {
    resolve: async (_ctx: unknown, { ref }: { ref: string }) => {
      if (ref !== 'app' && ref !== image.id) throw notFound(`No such image: ${ref}`);
      return { image };
    },
    list: async () => ({ images: [image] }),
    remove: async (_ctx: unknown, request: { uses: unknown }) => {
      asked.push(request.uses);
      return {
        removed: [
          { untagged: 'app:1', deleted: '', imageId: image.id },
          { untagged: '', deleted: image.id, imageId: image.id },
          { untagged: '', deleted: 'sha256:layer', imageId: image.id },
        ],
      };
    },
    listManifests: async () => ({
      manifests: [
        ImageManifest.fromPartial({
          descriptor: { digest: 'sha256:bb' },
          available: true,
          kind: 'image',
          imageId: image.id,
          contentSize: 3n,
          unpackedSize: 10n,
        }),
      ],
    }),
    tag: async () => ({ imageId: image.id, familiarName: 'app:2' }),
    ...change,
  };
  const running = { id: 'c2', docker: DockerContainer.fromPartial({ imageId: image.id, state: { phase: Phase.PHASE_RUNNING } }) };
  const ended = { id: 'c1', docker: DockerContainer.fromPartial({ imageId: image.id, state: { phase: Phase.PHASE_EXITED } }) };
  // Of an index by another name, whose manifest for this platform is the image's.
  const other = { id: 'c3', docker: DockerContainer.fromPartial({ imageId: 'sha256:index', imageManifest: { digest: 'sha256:bb' } }) };
  const handlers = imagesHandlers({
    events,
    images: images as unknown as ImagesNeeds['images'],
    records: { listDocker: () => [ended, running, other] },
    imagesFrom: 'k8s.io',
  });
  const told = async (): Promise<string[]> => {
    const seen: string[] = [];
    for await (const { event } of events.subscribe({ until: 2n ** 62n }, AbortSignal.timeout(20)).events)
      seen.push(`${event.Action} ${event.Actor?.ID} ${JSON.stringify(event.Actor?.Attributes)}`);
    return seen;
  };
  return { handlers, asked, told };
}

const ctx = newContext();

test('an image that only the other namespace has is looked at there, and made docker’s by a tag', async () => {
  const missing = (): Promise<never> => Promise.reject(notFound('No such image: app'));
  const adopted: unknown[] = [];
  const { handlers } = setUp({
    resolve: async ({ namespace }: CallContext) => (namespace === 'k8s.io' ? { image } : missing()),
    history: async ({ namespace }: CallContext) => (namespace === 'k8s.io' ? { items: [] } : missing()),
    adopt: async (_ctx: CallContext, request: AdoptRequest) => {
      adopted.push(request);
      return { image };
    },
    tag: async () => (adopted.length > 0 ? { imageId: image.id, familiarName: 'app:2' } : missing()),
  });
  const wanted = { name: 'app', platform: undefined };
  expect((await handlers.inspectImage(ctx, { ...wanted, manifests: false })).image).toMatchObject({ Author: 'me' });
  expect(await handlers.imageHistory(ctx, wanted)).toEqual({ items: [] });
  expect(adopted).toEqual([]);
  await handlers.tagImage(ctx, { name: 'app', repository: 'app', tag: '2' });
  expect(adopted).toEqual([{ ref: 'app', platform: undefined, from: 'k8s.io' }]);
});

test('what is saved is looked at there, what is pushed is taken over', async () => {
  const missing = (): Promise<never> => Promise.reject(notFound('No such image: app'));
  const calls: unknown[] = [];
  const { handlers, told } = setUp({
    resolve: async ({ namespace }: CallContext) => (namespace === 'k8s.io' ? { image } : missing()),
    list: async ({ namespace }: CallContext) => ({
      images: namespace === 'k8s.io' ? [{ ...image, repoTags: ['reg.io/app:1', 'reg.io/app:2', 'reg.io/other:1'] }] : [],
    }),
    adopt: async (_ctx: CallContext, { ref, from }: AdoptRequest) => void calls.push(`adopt ${ref} from ${from}`),
    save: async (_ctx: CallContext, request: unknown) => {
      calls.push(request);
      return { ticket: undefined, imageIds: [image.id] };
    },
    push: async function* (_ctx: CallContext, { ref }: { ref: string }) {
      calls.push(`push ${ref}`);
    },
  });
  await handlers.saveImages(ctx, { save: { refs: ['app'], platforms: [], from: '' } });
  expect(calls).toEqual([{ refs: ['app'], platforms: [], from: 'k8s.io' }]);
  expect(await told()).toEqual([`save ${image.id} ${JSON.stringify({ l: '1', name: image.id })}`]);
  const push = async (ref: string, allTags = false): Promise<unknown[]> => {
    calls.length = 0;
    const request = { push: { ref, allTags, auth: undefined, platform: undefined } };
    const lines = handlers.pushImage(ctx, request, async () => undefined) as AsyncIterable<unknown>;
    await lines[Symbol.asyncIterator]().next();
    return calls;
  };
  expect(await push('app')).toEqual(['adopt docker.io/library/app:latest from k8s.io', 'push app']);
  expect(await push('reg.io/app', true)).toEqual(['adopt reg.io/app:1 from k8s.io', 'adopt reg.io/app:2 from k8s.io', 'push reg.io/app']);
});

test('where neither has it docker’s word stands', async () => {
  const gone = async ({ namespace }: CallContext): Promise<never> => Promise.reject(notFound(`none in ${namespace}`));
  const { handlers } = setUp({ resolve: gone, tag: gone, adopt: async () => Promise.reject(notFound('none to adopt')) });
  const wanted = { name: 'app', platform: undefined, manifests: false };
  await expect(handlers.inspectImage(ctx, wanted)).rejects.toThrow(`none in ${ctx.namespace}`);
  await expect(handlers.tagImage(ctx, { name: 'app', repository: 'app', tag: '2' })).rejects.toThrow(`none in ${ctx.namespace}`);
});

test('a list line and an inspection have docker’s words', async () => {
  const { handlers } = setUp();
  const { images } = await handlers.listImages(ctx, { all: false, filters: {}, sharedSize: false, digests: false, manifests: false });
  expect(images).toMatchObject([{ Id: 'sha256:aa', Created: 1704164645n, SharedSize: -1n, Containers: 2n, Labels: { l: '1' } }]);
  const { image: inspected } = await handlers.inspectImage(ctx, { name: 'app', platform: undefined, manifests: true });
  expect(inspected).toMatchObject({
    Author: 'me',
    Os: 'linux',
    Config: {
      Cmd: { items: ['sh'] },
      Entrypoint: undefined,
      Env: ['A=b'],
      ExposedPorts: { '80/tcp': {} },
      Healthcheck: { Interval: 1_000_000_000n },
    },
    Manifests: [
      {
        ID: 'sha256:bb',
        Available: true,
        Size: { Content: 3n, Total: 13n },
        ImageData: { Containers: ['c3', 'c2', 'c1'], Size: { Unpacked: 10n } },
      },
    ],
  });
});

test('an unknown filter is refused', async () => {
  await expect(
    setUp().handlers.listImages(ctx, {
      all: false,
      filters: { colour: { values: ['x'] } },
      sharedSize: false,
      digests: false,
      manifests: false,
    }),
  ).rejects.toMatchObject({ message: "invalid filter 'colour'" });
});

test('removal names the users, running ones first, and tells untag and one delete', async () => {
  const { handlers, asked, told } = setUp();
  const { items } = await handlers.removeImage(ctx, { name: 'app', force: false, noPrune: false, platforms: [] });
  expect(items).toEqual([
    { Untagged: 'app:1', Deleted: '' },
    { Untagged: '', Deleted: 'sha256:aa' },
    { Untagged: '', Deleted: 'sha256:layer' },
  ]);
  expect(asked).toEqual([
    [
      { imageId: 'sha256:aa', containerId: 'c2', running: true, manifestDigest: '' },
      { imageId: 'sha256:aa', containerId: 'c1', running: false, manifestDigest: '' },
      { imageId: 'sha256:index', containerId: 'c3', running: false, manifestDigest: 'sha256:bb' },
    ],
  ]);
  expect(await told()).toEqual(['untag sha256:aa {"l":"1","name":"app:1"}', 'delete sha256:aa {"l":"1","name":"sha256:aa"}']);
});

test('a pull tells its event by name when it is done, a failed one does not', async () => {
  const progress = {
    id: '',
    status: 'x',
    current: 0n,
    total: 0n,
    stream: '',
    error: '',
    auxTag: '',
    auxDigest: '',
    auxSize: 0n,
    auxId: '',
  };
  async function* good() {
    yield { progress, imageId: '', familiarName: '' };
    yield { progress: undefined, imageId: image.id, familiarName: 'app:1' };
  }
  async function* bad() {
    yield { progress: { ...progress, error: 'no such host' }, imageId: '', familiarName: '' };
  }
  for (const [pull, wanted] of [
    [good, ['pull app:1 {"l":"1","name":"app"}']],
    [bad, []],
  ] as const) {
    const { handlers, told } = setUp({ pull });
    const lines: unknown[] = [];
    const stream = handlers.pullImage(
      ctx,
      { pull: { ref: 'app:1', allTags: false, platform: undefined, auth: undefined } },
      async () => undefined,
    ) as AsyncIterable<unknown>;
    for await (const line of stream) lines.push(line);
    expect(lines).toHaveLength(1);
    expect(await told()).toEqual(wanted);
  }
});

test('a tag tells its event', async () => {
  const { handlers, told } = setUp();
  await handlers.tagImage(ctx, { name: 'app', repository: 'app', tag: '2' });
  expect(await told()).toEqual(['tag sha256:aa {"l":"1","name":"app:2"}']);
});
