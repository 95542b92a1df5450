import { isDigest, sha256 } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

/** Media type of a cache's configuration: which keys lead to which layers. */
export const CACHE_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';
/** Annotations of a layer in a cache's manifest. */
export const UNCOMPRESSED = 'containerd.io/uncompressed';
export const CREATED_AT = 'buildkit/createdat';
export const DESCRIPTION = 'buildkit/description';

/** A configuration as it is stored; indexes name layers and records of it. */
export interface CacheConfig {
  readonly layers: readonly CacheLayer[];
  readonly records: readonly CacheRecord[];
  /** Trees of cache mounts by their ids, each a layer alone: an addition of ours, which others do not read. */
  readonly mounts: readonly { readonly id: string; readonly layer: number }[];
}

export interface CacheLayer {
  readonly blob: string;
  /** The layer below; -1 for none. */
  readonly parent: number;
  /** Kinds of places that have no manifest say here what its descriptor would. */
  readonly annotations?: LayerAnnotations;
}

export interface LayerAnnotations {
  readonly mediaType: string;
  readonly diffID: string;
  readonly size: number;
  readonly createdAt: string;
}

export interface CacheRecord {
  readonly digest: string;
  /** By input, the records that lead here. */
  readonly inputs: readonly (readonly CacheLink[])[];
  /** Trees: a layer with all below it. */
  readonly layers: readonly { readonly layer: number; readonly createdAt: string }[];
  /** Trees whose layers are named one by one. */
  readonly chains: readonly { readonly layers: readonly number[]; readonly createdAt: string }[];
}

export interface CacheLink {
  readonly selector: string;
  readonly link: number;
}

/** What a key is called in a configuration: the first output has the digest itself. */
export function recordDigest(digest: string, output: number): string {
  return output === 0 ? digest : sha256(`${digest}@${output}`);
}

/** Reads a configuration that came from elsewhere; whatever it holds ends in a checked one or in invalidArgument. */
export function readConfig(json: unknown): CacheConfig {
  const { layers, records, mounts } = object(json, 'cache config');
  const config = { layers: list(layers).map(readLayer), records: list(records).map(readRecord), mounts: list(mounts).map(readMount) };
  for (const { layer } of config.mounts) within(layer, config.layers, 'layer');
  for (const { parent } of config.layers) if (parent !== -1) within(parent, config.layers, 'layer');
  for (const { inputs, layers: trees, chains } of config.records) {
    for (const { link } of inputs.flat()) within(link, config.records, 'record');
    for (const { layer } of trees) within(layer, config.layers, 'layer');
    for (const layer of chains.flatMap((chain) => chain.layers)) within(layer, config.layers, 'layer');
    if (inputs.some((links) => links.length === 0)) throw invalidArgument('invalid empty input of a cache record');
  }
  return config;
}

function readLayer(json: unknown): CacheLayer {
  const { blob, parent, annotations } = object(json, 'cache layer');
  return {
    blob: digestOf(blob),
    // Left out by those who write it, zero is the first layer.
    parent: parent === undefined ? 0 : index(parent, -1),
    ...(annotations === undefined ? {} : { annotations: readAnnotations(annotations) }),
  };
}

function readMount(json: unknown): CacheConfig['mounts'][number] {
  const { id, layer } = object(json, 'mount of a cache');
  if (text(id) === '') throw invalidArgument('mount of a cache without an id');
  return { id: text(id), layer: index(layer, 0) };
}

function readAnnotations(json: unknown): LayerAnnotations {
  const { mediaType, diffID, size, createdAt } = object(json, 'annotations of a cache layer');
  return { mediaType: text(mediaType), diffID: digestOf(diffID), size: index(size ?? 0, 0), createdAt: text(createdAt) };
}

function readRecord(json: unknown): CacheRecord {
  const { digest, inputs, layers, chains } = object(json, 'cache record');
  return {
    digest: digestOf(digest),
    inputs: list(inputs).map((links) =>
      list(links).map((each) => {
        const { selector, link } = object(each, 'link of a cache record');
        return { selector: text(selector), link: index(link, 0) };
      }),
    ),
    layers: list(layers).map((each) => {
      const { layer, createdAt } = object(each, 'result of a cache record');
      return { layer: index(layer, 0), createdAt: text(createdAt) };
    }),
    chains: list(chains).map((each) => {
      const { layers: chain, createdAt } = object(each, 'result of a cache record');
      return { layers: list(chain).map((layer) => index(layer, 0)), createdAt: text(createdAt) };
    }),
  };
}

function object(json: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalidArgument(`invalid ${what}`);
  return json as Readonly<Record<string, unknown>>;
}

function list(json: unknown): readonly unknown[] {
  if (json === undefined || json === null) return [];
  if (!Array.isArray(json)) throw invalidArgument('invalid list in cache config');
  return json;
}

const text = (json: unknown): string => (typeof json === 'string' ? json : '');

function index(json: unknown, least: number): number {
  if (typeof json !== 'number' || !Number.isSafeInteger(json) || json < least)
    throw invalidArgument(`invalid index ${String(json)} in cache config`);
  return json;
}

function digestOf(json: unknown): string {
  if (typeof json !== 'string' || !isDigest(json)) throw invalidArgument('invalid digest in cache config');
  return json;
}

function within(at: number, all: readonly unknown[], what: string): void {
  if (at >= all.length) throw invalidArgument(`invalid ${what} index: ${at}`);
}
