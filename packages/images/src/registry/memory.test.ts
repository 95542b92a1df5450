import { createHash } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { mediaTypes } from '@gantry/oci';
import { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { newContext } from '@gantry/rpc';
import { tarHeader, TAR_END } from '../archive/tar-writer';
import { type OwnProcess, ownProcess } from '../testing/own-process';

const LIMIT = 200 << 20;
const FILE = 128 << 20;
/** 4 GiB with GANTRY_TEST_ALL=1; else enough to see memory that grows with the layer. */
const MIB = 2 ** 20;
const files = process.env['GANTRY_TEST_ALL'] === '1' ? 32 : 4;
const size = files * (512 + FILE) + TAR_END.length;
let service: OwnProcess | undefined;
afterEach(() => service?.destroy());

/** Bytes [from, to) of a layer of large files, made as they are asked for. */
function bytesAt(from: number, to: number): Buffer {
  const out = Buffer.alloc(to - from, 'g');
  for (let at = 0; at < files; at++) {
    const start = at * (512 + FILE);
    const header = tarHeader(`file${at}`, FILE);
    for (let byte = Math.max(from, start); byte < Math.min(to, start + 512); byte++) out[byte - from] = header[byte - start] ?? 0;
    // Every file has its own beginning, so that nothing is the same twice.
    if (start + 512 >= from && start + 516 <= to) out.writeUInt32LE(at, start + 512 - from);
  }
  const end = files * (512 + FILE);
  if (to > end) out.fill(0, Math.max(0, end - from));
  return out;
}

const room = statfsSync(tmpdir());
const able = room.bavail * room.bsize > 2.5 * size;
if (!able) console.warn(`skipped: ${tmpdir()} has no room for ${Math.round((2.5 * size) / MIB)} MiB`);

(able ? test : test.skip)(
  `a layer of ${Math.round(size / MIB)} MiB is pulled in at most 200 MiB of memory, which is given back`,
  async () => {
    const hash = createHash('sha256');
    const STEP = 512 + FILE;
    for (let at = 0; at < size; at += STEP / 2) hash.update(bytesAt(at, Math.min(at + STEP / 2, size)));
    const digest = `sha256:${hash.digest('hex')}`;
    const config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        os: 'linux',
        rootfs: { type: 'layers', diff_ids: [digest] },
      }),
    );
    const configDigest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: configDigest, size: config.length },
      layers: [{ mediaType: mediaTypes.ociLayer, digest, size }],
    });
    const server = createServer((request, response) => {
      const path = request.url ?? '';
      if (path.includes('/manifests/')) response.writeHead(200, { 'Content-Type': mediaTypes.ociManifest }).end(manifest);
      else if (path.endsWith(configDigest)) response.end(config);
      else if (path.endsWith(digest)) {
        const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
        const [from, to] = [Number(range?.[1] ?? 0), range?.[2] === undefined || range[2] === '' ? size : Number(range[2]) + 1];
        response.writeHead(206, { 'Content-Length': to - from, 'Content-Range': `bytes ${from}-${to - 1}/${size}` });
        response.end(bytesAt(from, to));
      } else response.writeHead(path === '/v2/' ? 200 : 404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    service = ownProcess();
    try {
      const images = (await service.start()).client(ImagesServiceService);
      const before = service.peakMemory();
      let id = '';
      for await (const answer of images.pull(newContext(), {
        ref: `127.0.0.1:${(server.address() as AddressInfo).port}/big:1`,
        allTags: false,
        platform: undefined,
        auth: undefined,
      }))
        if (answer.imageId !== '') id = answer.imageId;
      expect(id).toBe(`sha256:${createHash('sha256').update(manifest).digest('hex')}`);
      const peak = service.peakMemory();
      process.stdout.write(
        `layer of ${Math.round(size / MIB)} MiB: at most ${Math.round(peak / MIB)} MiB of memory, ${Math.round(before / MIB)} MiB before\n`,
      );
      expect(peak).toBeLessThan(LIMIT);
      // What stays is what the service had before, not what the pull took.
      const allowed = before + (30 << 20);
      for (let waited = 0; service.memory() > allowed && waited < 120; waited++) await sleep(1000);
      expect(service.memory()).toBeLessThan(allowed);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  },
  600_000,
);
