import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createWriteStream, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { TAR_END, tarHeader } from '../../../packages/images/src/archive/tar-writer';

const MIB = 1 << 20;
const FILE_MIB = 256;

/** Lays an image NAME:1 of one gzip layer into the folder of a docker-registry, as that keeps it. Answers the layer's packed size, bytes. */
export async function seedLayer(data: string, name: string, mebibytes: number): Promise<number> {
  const root = join(data, 'docker/registry/v2');
  const part = join(root, 'layer.part');
  mkdirSync(root, { recursive: true });
  const [plain, packed] = [createHash('sha256'), createHash('sha256')];
  await pipeline(
    Readable.from(hashed(tar(mebibytes), plain)),
    createGzip({ level: 1 }),
    (source: AsyncIterable<Buffer>) => hashed(source, packed),
    createWriteStream(part),
  );
  const { size } = statSync(part);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [`sha256:${plain.digest('hex')}`] },
    }),
  );
  const layer = packed.digest('hex');
  const oci = 'application/vnd.oci.image';
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${oci}.manifest.v1+json`,
      config: { mediaType: `${oci}.config.v1+json`, size: config.length, digest: `sha256:${hex(config)}` },
      layers: [{ mediaType: `${oci}.layer.v1.tar+gzip`, size, digest: `sha256:${layer}` }],
    }),
  );
  const blob = (digest: string): string => made(join(root, 'blobs/sha256', digest.slice(0, 2), digest, 'data'));
  renameSync(part, blob(layer));
  for (const document of [config, manifest]) writeFileSync(blob(hex(document)), document);
  const repository = join(root, 'repositories', name);
  const links: [string, string][] = [
    [`_layers/sha256/${layer}`, layer],
    [`_layers/sha256/${hex(config)}`, hex(config)],
    [`_manifests/revisions/sha256/${hex(manifest)}`, hex(manifest)],
    ['_manifests/tags/1/current', hex(manifest)],
    [`_manifests/tags/1/index/sha256/${hex(manifest)}`, hex(manifest)],
  ];
  for (const [at, digest] of links) writeFileSync(made(join(repository, at, 'link')), `sha256:${digest}`);
  return size;
}

const hex = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function made(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

/** Files of 256 MiB, a third noise of their own, the rest easily packed. */
function* tar(mebibytes: number): Generator<Buffer> {
  for (let left = mebibytes; left > 0; left -= FILE_MIB) {
    const size = Math.min(left, FILE_MIB);
    yield tarHeader(`file-${left}`, size * MIB);
    for (let at = 0; at < size; at++)
      yield Buffer.concat([randomBytes(MIB / 3), Buffer.alloc(MIB - Math.floor(MIB / 3), `line ${at} of file ${left}\n`)]);
  }
  yield TAR_END;
}

async function* hashed(source: Iterable<Buffer> | AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const part of source) {
    hash.update(part);
    yield part;
  }
}
