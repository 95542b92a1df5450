import { posix } from 'node:path';
import {
  type Descriptor,
  type Digest,
  formatReference,
  type Index,
  type Manifest,
  mediaTypes,
  parseReference,
  sha256,
  withDefaultTag,
} from '@gantry/oci';
import { dataLoss, invalidArgument, resourceExhausted } from '@gantry/rpc';
import { MANIFEST_LIMIT, parseIndex } from '@gantry/registry';
import { archiveEntries, cleanName, followLinks, parseDockerEntries } from '../archive/outer';
import type { TarEntry } from '@gantry/oci/tar';
import { type ContentStore, isExisting } from '../content/store';
import { type Compression, detectCompression } from '../layers/decompress';
import type { Scope } from '../store/namespaced';

interface StoredFile {
  readonly digest: string;
  readonly size: number;
  readonly compression: Compression;
}

/** What an archive held: its blobs are in content, its index says what they are. */
export interface Imported {
  readonly index: Index;
  readonly bytes: Buffer;
}

/** Reads an OCI layout or a docker archive into content, in one pass; nothing is unpacked and nothing gets a name. Run it under a lease. */
export async function importArchive(
  content: ContentStore,
  scope: Scope,
  source: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<Imported> {
  const documents = new Map<string, Buffer>();
  const files = new Map<string, StoredFile>();
  const links = new Map<string, string>();
  for await (const entry of archiveEntries(source)) {
    signal.throwIfAborted();
    const name = cleanName(entry.name);
    if (entry.type === 'link') links.set(name, cleanName(posix.join(posix.dirname(name), entry.target)));
    if (entry.type !== 'file' || name === '' || name === 'oci-layout' || name === 'repositories' || name.endsWith('VERSION')) continue;
    if (name === 'index.json' || name === 'manifest.json') documents.set(name, await small(entry));
    else files.set(name, await store(content, scope, entry, name));
  }
  const layout = documents.get('index.json');
  if (layout !== undefined) return { index: parseIndex(layout, 'index.json'), bytes: layout };
  const docker = documents.get('manifest.json');
  if (docker === undefined) throw invalidArgument('invalid archive: it has neither index.json nor manifest.json');
  const find = (path: string): StoredFile => {
    const found = files.get(followLinks(links, cleanName(path)));
    if (found === undefined) throw dataLoss(`archive lacks ${path}`);
    return found;
  };
  return dockerIndex(content, scope, docker, find);
}

/** Docker's own form has no manifests: they are made, the same each time for the same archive. */
async function dockerIndex(content: ContentStore, scope: Scope, bytes: Buffer, find: (path: string) => StoredFile): Promise<Imported> {
  const manifests: Descriptor[] = [];
  for (const entry of parseDockerEntries(bytes)) {
    const config = find(entry.Config);
    const layers = entry.Layers.map((path): Descriptor => {
      const { digest, size, compression } = find(path);
      const mediaType =
        compression === 'gzip' ? mediaTypes.dockerLayerGzip : compression === 'zstd' ? mediaTypes.ociLayerZstd : mediaTypes.dockerLayer;
      return { mediaType, digest: digest as Digest, size };
    });
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: { mediaType: mediaTypes.dockerConfig, digest: config.digest as Digest, size: config.size },
      layers,
    };
    const document = Buffer.from(JSON.stringify(manifest));
    await content.put(scope, document, sha256(document));
    const descriptor = { mediaType: mediaTypes.dockerManifest, digest: sha256(document), size: document.length };
    const names = (entry.RepoTags ?? []).map((name) => withDefaultTag(parseReference(name)));
    if (names.length === 0) manifests.push(descriptor);
    for (const name of names)
      manifests.push({
        ...descriptor,
        annotations: { 'io.containerd.image.name': formatReference(name), 'org.opencontainers.image.ref.name': name.tag ?? '' },
      });
  }
  const index: Index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  return { index, bytes: Buffer.from(JSON.stringify(index)) };
}

async function small(entry: TarEntry): Promise<Buffer> {
  if (entry.size > MANIFEST_LIMIT) throw resourceExhausted(`${entry.name} has ${entry.size} bytes, more than ${MANIFEST_LIMIT}`);
  const parts: Buffer[] = [];
  for await (const part of entry.body) parts.push(part);
  return Buffer.concat(parts);
}

/** One file as a blob. In a layout its name is its digest, which must be right. */
async function store(content: ContentStore, scope: Scope, entry: TarEntry, name: string): Promise<StoredFile> {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
  const ingest = await content.ingest(scope, `load-import-${scope.lease ?? ''}-${name}`, entry.size);
  let head: Buffer = Buffer.alloc(0);
  try {
    for await (const part of entry.body) {
      if (head.length < 8) head = Buffer.concat([head, part.subarray(0, 8)]);
      await ingest.write(part);
    }
    const digest = ingest.digest();
    if (hex !== undefined && digest !== `sha256:${hex}`) throw dataLoss(`${name} has the digest ${digest}`);
    try {
      await ingest.commit(entry.size, digest, {});
    } catch (error) {
      if (!isExisting(error)) throw error;
      content.hold(scope, digest);
    }
    return { digest, size: entry.size, compression: detectCompression(head) };
  } finally {
    await ingest.discard();
  }
}
