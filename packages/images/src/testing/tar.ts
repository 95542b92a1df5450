import { gzipSync } from 'node:zlib';
import { mediaTypes, sha256 } from '@gantry/oci';
import { pack } from 'tar-stream';

export interface TestEntry {
  readonly name: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link' | 'character-device' | 'block-device' | 'fifo';
  readonly linkname?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly devmajor?: number;
  readonly devminor?: number;
  readonly pax?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** A tar of these entries. */
export async function tarOf(entries: readonly TestEntry[]): Promise<Buffer> {
  const out = pack();
  const parts: Buffer[] = [];
  const done = (async () => {
    for await (const part of out) parts.push(part as Buffer);
  })();
  for (const { body = '', ...header } of entries) out.entry({ mtime: new Date(1_700_000_000_000), ...header }, body);
  out.finalize();
  await done;
  return Buffer.concat(parts);
}

export interface TestImage {
  readonly archive: Buffer;
  readonly id: string;
  readonly configDigest: string;
  readonly config: Buffer;
  readonly layers: readonly Buffer[];
  readonly diffIds: readonly string[];
}

/** An archive as `docker save` of 20.10 writes it. */
export async function dockerArchive(
  names: readonly string[],
  layers: readonly (readonly TestEntry[])[],
  options: { readonly gzip?: boolean; readonly config?: object } = {},
): Promise<TestImage> {
  const plain = await Promise.all(layers.map(tarOf));
  const diffIds = plain.map((layer) => sha256(layer));
  const packed = options.gzip === true ? plain.map((layer) => gzipSync(layer)) : plain;
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      created: '2024-05-01T00:00:00Z',
      config: { Cmd: ['/bin/sh'] },
      history: layers.map((_, at) => ({ created: '2024-05-01T00:00:00Z', created_by: `step ${at}` })),
      rootfs: { type: 'layers', diff_ids: diffIds },
      ...options.config,
    }),
  );
  const configDigest = sha256(config);
  const hex = configDigest.slice('sha256:'.length);
  // The manifest that a load makes: the image's id is its digest.
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: { mediaType: mediaTypes.dockerConfig, digest: configDigest, size: config.length },
    layers: packed.map((layer) => ({
      mediaType: options.gzip === true ? mediaTypes.dockerLayerGzip : mediaTypes.dockerLayer,
      digest: sha256(layer),
      size: layer.length,
    })),
  };
  const id = sha256(Buffer.from(JSON.stringify(manifest)));
  const paths = packed.map((_, at) => `${String(at).padStart(64, '0')}/layer.tar`);
  const archive = await tarOf([
    ...packed.map((layer, at) => ({ name: paths[at] ?? '', body: layer })),
    { name: `${hex}.json`, body: config },
    { name: 'manifest.json', body: JSON.stringify([{ Config: `${hex}.json`, RepoTags: names, Layers: paths }]) },
  ]);
  return { archive, id, configDigest, config, layers: packed, diffIds };
}
