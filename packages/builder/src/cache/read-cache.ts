import { type Descriptor, type Index, isIndex, isManifest, type Manifest, mediaTypes } from '@gantry/oci';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import { CACHE_CONFIG, type CacheConfig, CREATED_AT, DESCRIPTION, readConfig, UNCOMPRESSED } from './config';
import type { CacheOrigin } from './place';

/** A configuration with the layers that are there. */
export interface ReadCache {
  readonly config: CacheConfig;
  readonly blobs: ReadonlyMap<string, Descriptor>;
}

/** No configuration is larger. */
const MOST_BYTES = 64 << 20;
const MOST_MANIFESTS = 1000;

/** The caches of a manifest: its own, or one of each image that has it in its configuration. */
export async function readCaches(origin: CacheOrigin, ctx: CallContext): Promise<readonly ReadCache[]> {
  const manifest: Index | Manifest = parse(await origin.read(ctx, origin.root), 'cache manifest');
  const layers = isList(manifest) ? manifest.manifests : manifest.layers;
  const config = isList(manifest) ? layers.find(({ mediaType }) => mediaType === CACHE_CONFIG) : manifest.config;
  if (config?.mediaType !== CACHE_CONFIG) return inlineCaches(origin, ctx, { manifest, root: origin.root });
  if (config.size > MOST_BYTES) throw invalidArgument(`blob ${config.digest} is too large (${config.size} > ${MOST_BYTES})`);
  const blobs = new Map(layers.filter((layer) => layer !== config).map((layer) => [layer.digest as string, layer]));
  return [{ config: readConfig(parse(await origin.read(ctx, config), 'cache config')), blobs }];
}

interface Image {
  readonly rootfs?: { readonly diff_ids?: readonly string[] };
  readonly history?: readonly { readonly created?: string; readonly created_by?: string; readonly empty_layer?: boolean }[];
  readonly 'moby.buildkit.cache.v0'?: string;
}

async function inlineCaches(
  origin: CacheOrigin,
  ctx: CallContext,
  { manifest, root }: { readonly manifest: Index | Manifest; readonly root: Descriptor },
): Promise<readonly ReadCache[]> {
  const caches: ReadCache[] = [];
  const seen = new Set<string>([root.digest]);
  const stack: (Index | Manifest)[] = [manifest];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (!isList(next)) {
      const cache = await inlineCache(origin, ctx, next);
      if (cache !== undefined) caches.push(cache);
      continue;
    }
    for (const each of next.manifests) {
      if (seen.has(each.digest) || seen.size > MOST_MANIFESTS || !(isIndex(each.mediaType) || isManifest(each.mediaType))) continue;
      seen.add(each.digest);
      stack.push(parse(await origin.read(ctx, each), 'manifest'));
    }
  }
  return caches;
}

async function inlineCache(origin: CacheOrigin, ctx: CallContext, { config, layers }: Manifest): Promise<ReadCache | undefined> {
  if (layers.length === 0 || config.mediaType === mediaTypes.ociEmpty || config.size > MOST_BYTES) return undefined;
  const image: Image = parse(await origin.read(ctx, config), 'image config');
  const cache = image['moby.buildkit.cache.v0'];
  const diffIds = image.rootfs?.diff_ids ?? [];
  if (typeof cache !== 'string' || diffIds.length !== layers.length) return undefined;
  const told = (image.history ?? []).filter((entry) => entry.empty_layer !== true);
  const described = layers.map((layer, at): Descriptor => ({
    ...layer,
    annotations: {
      ...layer.annotations,
      [UNCOMPRESSED]: diffIds[at] ?? '',
      ...(told[at]?.created === undefined ? {} : { [CREATED_AT]: told[at].created }),
      ...(told[at]?.created_by === undefined ? {} : { [DESCRIPTION]: told[at].created_by }),
    },
  }));
  const stack = described.map(({ digest }, at) => ({ blob: digest, parent: at - 1 }));
  const records: unknown = JSON.parse(Buffer.from(cache, 'base64').toString());
  return { config: readConfig({ layers: stack, records }), blobs: new Map(described.map((layer) => [layer.digest, layer])) };
}

const isList = (manifest: Index | Manifest): manifest is Index => 'manifests' in manifest;

function parse<T>(bytes: Buffer, what: string): T {
  try {
    return JSON.parse(bytes.toString()) as T;
  } catch (cause) {
    throw invalidArgument(`${what} is not JSON`, { cause });
  }
}
