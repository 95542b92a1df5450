import { type Descriptor, digester, sha256 } from '@gantry/oci';
import { type CallContext, dataLoss, invalidArgument } from '@gantry/rpc';
import type { CacheExportInput, CacheExporter } from '../../control/needs';
import { type ContentServices, writeBlob } from '../../worker/blobs';
import { Attributes, readMode } from '../attributes';
import { type CacheLayer, CREATED_AT, readConfig, UNCOMPRESSED } from '../config';
import type { OpenedCache, OpenOrigin } from '../import-caches';
import type { MarshalledCache } from '../marshal';
import type { ReadCache } from '../read-cache';
import { timed, withCache, writeLayers, type CacheWriting } from '../write-cache';

/** Bytes with their number and, where it is known, their digest. */
export interface Body {
  readonly size: number;
  readonly digest: string;
  readonly chunks: () => AsyncIterable<Buffer>;
}

/** A place that keeps objects under names and has no manifests: layers lie beside one document a cache. */
export interface ObjectPlace {
  /** The layer is here already; its time is made new where the place forgets old ones. */
  has(ctx: CallContext, layer: Descriptor): Promise<boolean>;
  put(ctx: CallContext, layer: Descriptor, body: Body): Promise<void>;
  get(ctx: CallContext, layer: Descriptor, offset: number): AsyncIterable<Buffer>;
  /** The cache's document is written under all its names; what was there is replaced. */
  save(ctx: CallContext, document: Body): Promise<void>;
  /** Documents of the cache that are there. */
  load(ctx: CallContext): Promise<readonly Buffer[]>;
  /** Layers that are put at once, where the client chose a number. */
  readonly atOnce?: number;
}

export interface ObjectKind {
  readonly type: string;
  /** What the client sees the export as. */
  readonly name: string;
  /** Reads the attributes and throws invalidArgument for what is missing; `mode` and others of all kinds are read already. */
  open(attributes: Attributes): ObjectPlace;
}

/** An exporter to places of a kind. */
export function objectCacheExporter(writing: CacheWriting, { type, name, open }: ObjectKind): CacheExporter {
  return {
    open(given) {
      const attributes = new Attributes(type, given);
      const mode = readMode(attributes);
      const place = open(attributes);
      attributes.end();
      return { name, inline: false, export: (ctx, input) => write(writing, ctx, input, { place, mode }) };
    },
  };
}

/** Reads caches of places of a kind. */
export function objectOrigin(services: ContentServices, { type, open }: ObjectKind): OpenOrigin {
  return async (ctx, { given }) => {
    const attributes = new Attributes(type, given);
    const place = open(attributes);
    // What only an export heeds may be said of both.
    attributes.text('mode');
    attributes.end();
    return openObjects(services, ctx, place);
  };
}

async function write(
  writing: CacheWriting,
  ctx: CallContext,
  input: CacheExportInput,
  { place, mode }: { readonly place: ObjectPlace; readonly mode: 'min' | 'max' },
): Promise<ReadonlyMap<string, string>> {
  const blobs = { compression: 'gzip', force: false, oci: true } as const;
  await withCache(writing, ctx, input, { mode, blobs }, async (cache) => {
    await writeLayers(writing, ctx, cache, {
      progress: input.progress,
      atOnce: place.atOnce,
      write: async (layer, chunks) => {
        if (!(await place.has(ctx, layer)))
          await place.put(ctx, layer, { size: layer.size, digest: layer.digest, chunks: () => chunks(0) });
      },
    });
    const bytes = Buffer.from(JSON.stringify(annotated(cache)));
    await timed(input.progress, 'writing cache manifest', () => place.save(ctx, bodyOfBytes(bytes)));
  });
  return new Map();
}

export function bodyOfBytes(bytes: Buffer): Body {
  return {
    size: bytes.length,
    digest: sha256(bytes),
    async *chunks() {
      yield bytes;
    },
  };
}

/** The configuration with what a manifest would say of its layers. */
function annotated({ config, layers }: MarshalledCache): object {
  return {
    ...config,
    layers: (config.layers ?? []).map((layer, at) => {
      const { mediaType = '', size = 0, annotations = {} } = layers[at] ?? {};
      return {
        ...layer,
        annotations: {
          mediaType,
          diffID: annotations[UNCOMPRESSED] ?? '',
          size,
          createdAt: annotations[CREATED_AT] ?? '0001-01-01T00:00:00Z',
        },
      };
    }),
  };
}

/** Reads the caches of a place. */
async function openObjects(services: ContentServices, ctx: CallContext, place: ObjectPlace): Promise<OpenedCache> {
  const documents = await place.load(ctx);
  return {
    caches: documents.map(readDocument),
    fetch: (asked, layer) =>
      writeBlob(services, asked, layer, { chunks: (offset) => checked(layer, place.get(asked, layer, offset), offset) }),
  };
}

function readDocument(bytes: Buffer): ReadCache {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch (cause) {
    throw invalidArgument('cache config is not JSON', { cause });
  }
  const config = readConfig(json);
  return { config, blobs: new Map(config.layers.map((layer) => [layer.blob, descriptorOf(layer)])) };
}

function descriptorOf({ blob, annotations }: CacheLayer): Descriptor {
  if (annotations === undefined) throw invalidArgument('cache layer with missing annotations');
  const { mediaType, diffID, size, createdAt } = annotations;
  return {
    mediaType,
    digest: blob as Descriptor['digest'],
    size,
    annotations: { [UNCOMPRESSED]: diffID, ...(createdAt === '' ? {} : { [CREATED_AT]: createdAt }) },
  };
}

/** The store checks a blob's digest when it is whole; more bytes than there should be are refused at once. */
async function* checked(layer: Descriptor, chunks: AsyncIterable<Buffer>, offset: number): AsyncGenerator<Buffer> {
  let at = offset;
  const hash = offset === 0 ? digester('sha256') : undefined;
  for await (const chunk of chunks) {
    at += chunk.length;
    if (at > layer.size) throw dataLoss(`cache layer ${layer.digest} is longer than ${layer.size} bytes`);
    hash?.update(chunk);
    yield chunk;
  }
  if (hash !== undefined && hash.digest() !== layer.digest) throw dataLoss(`cache layer ${layer.digest} has other bytes`);
}
