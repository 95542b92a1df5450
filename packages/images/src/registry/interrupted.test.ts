import { randomBytes } from 'node:crypto';
import { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { type Connection, newContext } from '@gantry/rpc';
import { PIECE } from '@gantry/registry';
import { digestOf, MemoryRegistry } from '@gantry/registry/testing';
import { startEngine } from '../testing/engine';
import { type OwnProcess, ownProcess } from '../testing/own-process';
import { tarOf } from '../testing/tar';

const ctx = newContext();
/** What a registry may have written into a connection that was left: the buffers of both ends. */
const SOCKETS = 16 << 20;
let service: OwnProcess | undefined;
let registry: MemoryRegistry | undefined;
afterEach(async () => {
  await service?.destroy();
  await registry?.stop();
});

async function pull(connection: Connection, ref: string): Promise<string> {
  let id = '';
  for await (const answer of connection
    .client(ImagesServiceService)
    .pull(ctx, { ref, allTags: false, platform: undefined, auth: undefined }))
    if (answer.imageId !== '') id = answer.imageId;
  return id;
}

test('kill -9 in the middle of a pull: the next one fetches only what was not on its way yet', async () => {
  const layer = await tarOf([{ name: 'random', body: randomBytes(96 << 20) }]);
  const digest = digestOf(layer);
  let half: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => (half = resolve));
  const server = await MemoryRegistry.start({
    rate: 24 << 20,
    fault: () => {
      if (server.sentOf(digest) > 56 << 20) half();
      return false;
    },
  });
  registry = server;
  const image = server.image('big', '1', [{ blob: layer, diffId: digest }]);
  service = ownProcess();
  const broken = pull(await service.start(), `${server.host}/big:1`).then(
    () => 'whole',
    () => 'broken',
  );
  await reached;
  await service.kill();
  expect(await broken).toBe('broken');
  const before = server.sentOf(digest);
  const asked = server.seen.length;

  expect(await pull(await service.start(), `${server.host}/big:1`)).toBe(image.id);
  const again = server.sentOf(digest) - before;
  const first = Number(
    /^bytes=(\d+)-/.exec(server.seen.slice(asked).find(({ path }) => path.includes(digest))?.headers.range ?? '')?.[1] ?? 0,
  );
  const twice = before + again - layer.length;
  process.stdout.write(
    `killed after ${before >> 20} of ${layer.length >> 20} MiB: taken up at ${first >> 20} MiB, ${twice >> 20} MiB fetched twice\n`,
  );
  // Four pieces in memory and what waits for the disk may be lost, nothing else.
  expect(first).toBeGreaterThan(before - 4 * PIECE - (32 << 20));
  expect(first).toBeGreaterThan(16 << 20);
  expect(twice).toBeLessThan(4 * PIECE + (32 << 20) + SOCKETS);
  expect(again).toBeLessThan(layer.length - first + SOCKETS);
  // Each byte is asked for once: in pieces, from where the first connection was left.
  const starts = server.seen
    .slice(asked)
    .filter(({ path }) => path.includes(digest))
    .map(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1]));
  expect(starts.slice(1)).toEqual(starts.slice(1).map((_, at) => (starts[1] ?? 0) + at * PIECE));
  expect(starts[1] ?? layer.length).toBeGreaterThan(first);
}, 180_000);

test('twenty pulls of twenty images that share layers: each blob is asked for once', async () => {
  const server = await MemoryRegistry.start({ rate: 4 << 20 });
  registry = server;
  const shared = await Promise.all(['a', 'b', 'c'].map((name) => tarOf([{ name, body: randomBytes(300_000) }])));
  const layers = new Set(shared.map(digestOf));
  const images = await Promise.all(
    Array.from({ length: 20 }, async (_, at) => {
      const own = await tarOf([{ name: `own-${at}`, body: randomBytes(10_000) }]);
      layers.add(digestOf(own));
      // Some begin with the same layers, some have them elsewhere in the stack.
      const stack = at % 2 === 0 ? [...shared, own] : [own, ...shared];
      return server.image(
        `r${at % 5}`,
        `t${at}`,
        stack.map((blob) => ({ blob, diffId: digestOf(blob) })),
      );
    }),
  );
  const engine = await startEngine();
  try {
    const pulls = images.map(async (image, at) => {
      for await (const answer of engine.images.pull(ctx, {
        ref: `${server.host}/r${at % 5}:t${at}`,
        allTags: false,
        platform: undefined,
        auth: undefined,
      }))
        if (answer.imageId !== '') expect(answer.imageId).toBe(image.id);
    });
    await Promise.all(pulls);
    expect([...layers].map((digest) => [server.count('GET', digest), server.sentOf(digest)])).toEqual(
      [...layers].map((digest) => [1, server.blobs.get(digest)?.length]),
    );
    for (const image of images)
      expect((await engine.images.resolve(ctx, { ref: image.id, platform: undefined })).image?.diffIds).toHaveLength(4);
  } finally {
    await engine.stop();
  }
}, 180_000);
