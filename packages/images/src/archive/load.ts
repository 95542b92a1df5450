import { posix } from 'node:path';
import {
  chainIds,
  danglingName,
  type Descriptor,
  type Digest,
  familiarString,
  formatPlatform,
  formatReference,
  type Index,
  isLayer,
  type Manifest,
  mediaTypes,
  parseReference,
  type Platform,
  platformEquals,
  sha256,
  tryReference,
  withDefaultTag,
} from '@gantry/oci';
import { dataLoss, invalidArgument, resourceExhausted, notFound } from '@gantry/rpc';
import { documentType, kindOf, MANIFEST_LIMIT, parseConfig, parseIndex, parseManifest } from '@gantry/registry';
import type { ContentStore } from '../content/store';
import { buildChain } from '../docker/chain';
import type { Catalog } from '../docker/catalog';
import { configLabels, indexLabels, manifestLabels } from '../docker/gc-labels';
import { choosePlatform } from '../docker/image-reader';
import { putName } from '../docker/names';
import { underLease } from '../docker/operation';
import { detectCompression } from '../layers/decompress';
import { type LayerIntake, type LooseLayer, type TakenLayer, UNCOMPRESSED_LABEL } from '../layers/intake';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Target } from '../store/images';
import type { Labels } from '../store/labels';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import { archiveEntries, cleanName, followLinks, parseDockerEntries } from './outer';
import type { TarEntry } from '@gantry/oci/tar';

export interface LoadDependencies {
  readonly catalog: Catalog;
  readonly content: ContentStore;
  readonly intake: LayerIntake;
  readonly snapshotter: RecordedSnapshotter;
  readonly leases: LeaseTable;
}

export interface LoadedName {
  readonly imageId: string;
  /** Empty for an image without a name. */
  readonly familiarName: string;
}

export type LoadEvent =
  | { readonly kind: 'layer'; readonly id: string; readonly current: number; readonly total: number }
  | { readonly kind: 'renamed'; readonly name: string; readonly imageId: string }
  | ({ readonly kind: 'loaded' } & LoadedName);

export interface LoadOptions {
  readonly platforms?: readonly Platform[];
  readonly signal?: AbortSignal;
  readonly report: (event: LoadEvent) => void;
}

/** What the archive holds, gathered in one pass over it. */
interface Gathered {
  /** Documents by path. */
  readonly files: Map<string, Buffer>;
  readonly layers: Map<string, TakenLayer>;
  readonly links: Map<string, string>;
  /** Bytes kept in memory so far. */
  kept: number;
}

const KEPT_LIMIT = 64 << 20;

/** Reads what `docker save`, `ctr images export` and skopeo write: docker archives and OCI layouts, packed or not, in one pass over the stream. */
export async function loadArchive(
  deps: LoadDependencies,
  scope: Scope,
  source: AsyncIterable<Buffer>,
  options: LoadOptions,
): Promise<void> {
  await underLease(deps.leases, scope, 'load', async (own) => {
    const gathered: Gathered = { files: new Map(), layers: new Map(), links: new Map(), kept: 0 };
    try {
      for await (const entry of archiveEntries(source)) {
        options.signal?.throwIfAborted();
        await gather(deps, own, entry, { gathered, options });
      }
      const images = gathered.files.has('index.json') ? ociImages(gathered, options.platforms) : dockerImages(gathered);
      if (images.length === 0) throw invalidArgument('invalid archive: it holds no image');
      for (const image of images) checkPlatforms(image, options.platforms ?? []);
      for (const image of images) await store(deps, own, { image, gathered, options });
    } finally {
      for (const { loose } of gathered.layers.values()) if (loose !== undefined) await deps.intake.drop(own, loose.key);
    }
  });
}

/** Every platform asked for must be in every image: an answer with less would pass for what was wanted. */
function checkPlatforms({ manifests, names, target }: ArchiveImage, platforms: readonly Platform[]): void {
  for (const platform of platforms) {
    const found = manifests.some(({ manifest, config }) => platformEquals(parseConfig(config, manifest.config.digest), platform));
    if (!found)
      throw notFound(
        `image ${[...names.keys()][0] ?? target.digest} of the archive does not provide the specified platform (${formatPlatform(platform)})`,
      );
  }
}

async function gather(
  deps: LoadDependencies,
  scope: Scope,
  entry: TarEntry,
  context: { gathered: Gathered; options: LoadOptions },
): Promise<void> {
  const { gathered, options } = context;
  const name = cleanName(entry.name);
  if (entry.type === 'link') gathered.links.set(name, cleanName(posix.join(posix.dirname(name), entry.target)));
  if (entry.type !== 'file' || name === '') return;
  const blob = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
  const claimed = blob === undefined ? undefined : `sha256:${blob}`;
  const iterator = entry.body[Symbol.asyncIterator]();
  const first = await iterator.next();
  const head = first.done === true ? Buffer.alloc(0) : first.value;
  if (isDocument(name, head) && entry.size <= MANIFEST_LIMIT) {
    const parts = [head];
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) parts.push(next.value);
    gathered.kept += entry.size;
    if (gathered.kept > KEPT_LIMIT) throw resourceExhausted(`archive has more than ${KEPT_LIMIT} bytes of documents`);
    const data = Buffer.concat(parts);
    if (claimed !== undefined && sha256(data) !== claimed) throw dataLoss(`${name} has the digest ${sha256(data)}`);
    gathered.files.set(name, data);
    return;
  }
  if (!/(layer\.tar|\.tar|\.tar\.gz)$/.test(name) && claimed === undefined) return;
  const known = claimed === undefined ? undefined : deps.content.table.find(scope, claimed);
  if (known !== undefined && claimed !== undefined) {
    deps.content.hold(scope, claimed);
    gathered.layers.set(name, {
      digest: claimed,
      size: known.size,
      diffId: known.labels[UNCOMPRESSED_LABEL] ?? '',
      compression: '',
      loose: undefined,
    });
    return;
  }
  const rest: AsyncIterable<Buffer> = {
    async *[Symbol.asyncIterator]() {
      yield head;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    },
  };
  const taken = await deps.intake.take(scope, {
    ref: `load-${scope.lease ?? ''}-${name}`,
    ...(claimed === undefined ? {} : { expected: claimed }),
    unpack: looksLikeLayer(head),
    open: () => rest,
    given: true,
    onBytes: (current) => options.report({ kind: 'layer', id: name, current, total: entry.size }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  gathered.layers.set(name, taken);
}

/** JSON by its first byte (a tar begins with a file name, which no archive of ours starts so), or a small file with a known name. */
function isDocument(name: string, head: Buffer): boolean {
  const start = head[0];
  return (
    start === 0x7b ||
    start === 0x5b ||
    name === 'oci-layout' ||
    name === 'repositories' ||
    name.endsWith('.json') ||
    name.endsWith('VERSION')
  );
}

function looksLikeLayer(head: Buffer): boolean {
  return (
    detectCompression(head) !== 'none' ||
    head.subarray(257, 262).toString('latin1') === 'ustar' ||
    head.subarray(0, 512).every((byte) => byte === 0) ||
    head.length >= 512
  );
}

/** An image of the archive: its manifest, and who asks for it. */
interface ArchiveImage {
  readonly target: Target;
  readonly bytes: Buffer;
  readonly manifests: readonly {
    readonly descriptor: Descriptor;
    readonly bytes: Buffer;
    readonly manifest: Manifest;
    readonly config: Buffer;
  }[];
  readonly index: Index | undefined;
  /** Names, each with what the archive says of it. */
  readonly names: ReadonlyMap<string, Labels>;
}

function ociImages(gathered: Gathered, platforms: readonly Platform[] | undefined): ArchiveImage[] {
  const top = parseIndex(need(gathered, 'index.json'), 'index.json');
  const legacy = gathered.files.has('manifest.json') ? parseDockerEntries(need(gathered, 'manifest.json')) : [];
  const merged = new Map<string, ArchiveImage>();
  for (const entry of top.manifests) {
    const bytes = gathered.files.get(blobPath(entry.digest));
    if (bytes === undefined) throw dataLoss(`archive lacks ${entry.digest}`);
    const kind = kindOf(bytes, entry.mediaType, entry.digest);
    const index = kind === 'index' ? parseIndex(bytes, entry.digest) : undefined;
    const wanted = index === undefined ? [entry] : index.manifests.filter(({ digest }) => gathered.files.has(blobPath(digest)));
    const chosen =
      index === undefined || platforms === undefined || platforms.length === 0
        ? wanted
        : platforms.flatMap((platform) => choosePlatform(wanted, platform) ?? []);
    const manifests = chosen.flatMap((descriptor) => {
      const manifestBytes = gathered.files.get(blobPath(descriptor.digest));
      if (manifestBytes === undefined || kindOf(manifestBytes, descriptor.mediaType, descriptor.digest) === 'index') return [];
      const manifest = parseManifest(manifestBytes, descriptor.digest);
      const config = gathered.files.get(blobPath(manifest.config.digest));
      return config === undefined ? [] : [{ descriptor, bytes: manifestBytes, manifest, config }];
    });
    const legacyNames = legacy
      .filter((old) => manifests.some(({ manifest }) => cleanName(old.Config) === blobPath(manifest.config.digest)))
      .flatMap((old) => old.RepoTags ?? []);
    const names = new Map([
      ...legacyNames.map((name): [string, Labels] => [normal(name), nameAnnotations(normal(name))]),
      ...ociNames(entry).map((name): [string, Labels] => [normal(name), { ...entry.annotations }]),
    ]);
    const mediaType = documentType(bytes, entry.mediaType, kind);
    const before = merged.get(entry.digest);
    merged.set(entry.digest, {
      target: { mediaType, digest: entry.digest, size: bytes.length, annotations: {} },
      bytes,
      manifests,
      index,
      names: new Map([...(before?.names ?? []), ...names]),
    });
  }
  return [...merged.values()];
}

/** What containerd notes of a name that an archive of docker's gives. */
function nameAnnotations(name: string): Labels {
  return { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': parseReference(name).tag ?? '' };
}

function ociNames(entry: Descriptor): string[] {
  const full = entry.annotations?.['io.containerd.image.name'];
  if (full !== undefined) return [full];
  const short = entry.annotations?.['org.opencontainers.image.ref.name'];
  return short !== undefined && /[:/]/.test(short) && tryReference(short) !== undefined ? [short] : [];
}

/** Docker's own form has no manifest: one is made, byte for byte what containerd makes of the archive, for it gives the image its id. */
function dockerImages(gathered: Gathered): ArchiveImage[] {
  return parseDockerEntries(need(gathered, 'manifest.json')).map((entry) => {
    const config = need(gathered, cleanName(entry.Config));
    const layers = entry.Layers.map((path): Descriptor => {
      const layer = gathered.layers.get(followLinks(gathered.links, cleanName(path)));
      if (layer === undefined) throw dataLoss(`archive lacks layer ${path}`);
      return { mediaType: layerType(layer), digest: layer.digest as Digest, size: layer.size };
    });
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: { mediaType: mediaTypes.dockerConfig, digest: sha256(config), size: config.length },
      layers,
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const target = { mediaType: mediaTypes.dockerManifest, digest: sha256(bytes), size: bytes.length, annotations: {} };
    const descriptor = { mediaType: target.mediaType, digest: sha256(bytes), size: bytes.length };
    return {
      target,
      bytes,
      manifests: [{ descriptor, bytes, manifest, config }],
      index: undefined,
      names: new Map((entry.RepoTags ?? []).map((name) => [normal(name), nameAnnotations(normal(name))])),
    };
  });
}

function layerType(layer: TakenLayer): string {
  if (layer.compression === 'gzip') return mediaTypes.dockerLayerGzip;
  return layer.compression === 'zstd' ? mediaTypes.ociLayerZstd : mediaTypes.dockerLayer;
}

async function store(
  deps: LoadDependencies,
  scope: Scope,
  context: { image: ArchiveImage; gathered: Gathered; options: LoadOptions },
): Promise<void> {
  const { image, gathered, options } = context;
  const loose = new Map<string, LooseLayer>();
  for (const layer of gathered.layers.values())
    if (layer.loose !== undefined && deps.snapshotter.find(scope, layer.loose.key) !== undefined) loose.set(layer.digest, layer.loose);
  const byDigest = new Map([...gathered.layers.values()].map((layer) => [layer.digest, layer]));
  for (const { bytes, descriptor, manifest, config } of image.manifests) {
    const parsed = parseConfig(config, manifest.config.digest);
    const chains = chainIds(parsed.rootfs.diff_ids);
    if (!manifest.layers.every(({ mediaType }) => isLayer(mediaType))) {
      await storeArtifact(deps, scope, { gathered, bytes, descriptor, manifest, config });
      continue;
    }
    manifest.layers.forEach((layer, at) => {
      const taken = byDigest.get(layer.digest);
      if (taken === undefined && !deps.content.has(scope, layer.digest)) throw dataLoss(`archive lacks layer ${layer.digest}`);
      const wanted = parsed.rootfs.diff_ids[at];
      if (taken !== undefined && taken.diffId !== '' && wanted !== undefined && taken.diffId !== wanted)
        throw dataLoss(`layer ${layer.digest} unpacks to ${taken.diffId}, its image says ${wanted}`);
    });
    await buildChain(deps.intake, deps.snapshotter, scope, {
      image: { chainIds: chains, config: parsed, manifest },
      loose,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    await deps.content.put(scope, config, manifest.config.digest, configLabels(deps.snapshotter.name, chains.at(-1)));
    await deps.content.put(scope, bytes, descriptor.digest, manifestLabels(manifest));
  }
  if (image.manifests.length === 0) throw dataLoss(`image ${image.target.digest} has no manifest in the archive`);
  if (image.index !== undefined)
    await deps.content.put(
      scope,
      image.bytes,
      image.target.digest,
      indexLabels(image.index, (digest) => deps.content.has(scope, digest)),
    );
  const imageId = image.target.digest;
  const { images } = deps.catalog;
  if (image.names.size === 0) {
    if (!(await deps.catalog.entries(scope)).has(imageId)) images.put(scope, danglingName(image.target.digest), image.target, {});
    options.report({ kind: 'loaded', imageId, familiarName: '' });
  }
  for (const [name, annotations] of image.names) {
    const familiarName = familiarString(parseReference(name));
    if (images.find(scope, name)?.target.digest !== imageId) {
      const { replaced } = putName(images, scope, name, { ...image.target, annotations });
      if (replaced !== undefined) options.report({ kind: 'renamed', name: familiarName, imageId: replaced.target.digest });
    }
    options.report({ kind: 'loaded', imageId, familiarName });
  }
}

/** What goes with an image and is none (attestations): its blobs are kept and nothing is unpacked. */
async function storeArtifact(
  deps: LoadDependencies,
  scope: Scope,
  { gathered, bytes, descriptor, manifest, config }: ArchiveImage['manifests'][number] & { readonly gathered: Gathered },
): Promise<void> {
  for (const { digest } of manifest.layers) {
    const data = gathered.files.get(blobPath(digest));
    if (data !== undefined) await deps.content.put(scope, data, digest);
    else if (!deps.content.has(scope, digest)) throw dataLoss(`archive lacks blob ${digest}`);
  }
  await deps.content.put(scope, config, manifest.config.digest);
  await deps.content.put(scope, bytes, descriptor.digest, manifestLabels(manifest));
}

function normal(name: string): string {
  const reference = withDefaultTag(parseReference(name));
  return formatReference(
    reference.tag !== undefined && reference.digest !== undefined
      ? { domain: reference.domain, path: reference.path, tag: reference.tag }
      : reference,
  );
}

function need(gathered: Gathered, path: string): Buffer {
  const found = gathered.files.get(followLinks(gathered.links, path));
  if (found === undefined) throw invalidArgument(`invalid archive: it does not contain ${path}`);
  return found;
}

const blobPath = (digest: string): string => `blobs/sha256/${digest.slice('sha256:'.length)}`;
