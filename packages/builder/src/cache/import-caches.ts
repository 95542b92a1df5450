import { type CallContext, errorText, invalidArgument, type Logger } from '@gantry/rpc';
import type { SolveWish } from '../frontend/frontend';
import type { Refs } from '../refs/ref';
import type { SessionGroup } from '../session/session';
import type { ImportedKeys, Job } from '../solver';
import { CacheKeys, lazyLayer } from './imported-keys';
import { bringMount, type BringParts } from './mounts';
import type { CacheOrigin } from './place';
import { type ReadCache, readCaches } from './read-cache';

export type OpenOrigin = (
  ctx: CallContext,
  wish: { readonly given: ReadonlyMap<string, string>; readonly sessions: SessionGroup },
) => Promise<CacheOrigin | OpenedCache>;

/** A cache whose configuration is no manifest's. */
export interface OpenedCache {
  readonly caches: readonly ReadCache[];
  readonly fetch: CacheOrigin['fetch'];
}

export interface ImportParts {
  readonly refs: Pick<Refs, 'ofLayers' | 'cacheTree'>;
  readonly services: BringParts['services'];
  readonly isEmpty?: NonNullable<BringParts['isEmpty']>;
  readonly logger: Logger;
  /** By the type that a client names. */
  readonly origins: ReadonlyMap<string, OpenOrigin>;
}

/** Reads the caches that a build names, each once. One that cannot be read is shown as a step that failed, and the build goes on without it. */
export function makeCacheImports(
  parts: ImportParts,
): (ctx: CallContext, job: Job, wishes: SolveWish['cacheImports']) => Promise<readonly ImportedKeys[]> {
  const known = new WeakMap<Job, Map<string, Promise<readonly ImportedKeys[]>>>();
  return async (ctx, job, wishes) => {
    const mine = known.get(job) ?? new Map<string, Promise<readonly ImportedKeys[]>>();
    known.set(job, mine);
    const all = wishes.map((wish) => {
      const name = nameOf(wish);
      let keys = mine.get(name);
      if (keys === undefined) mine.set(name, (keys = read(parts, ctx, job, { ...wish, name })));
      return keys;
    });
    return (await Promise.all(all)).flat();
  };
}

type Wish = SolveWish['cacheImports'][number];

/** What a client calls its cache: the place in a registry, else all that it says of it but secrets. */
function nameOf({ type, attributes }: Wish): string {
  if (type === 'registry') return attributes.get('ref') ?? '';
  const said = [...attributes].filter(([key]) => !/token|secret|key|password|credential/i.test(key)).sort(([a], [b]) => (a < b ? -1 : 1));
  return [type, ...said.map(([key, value]) => `${key}=${value}`)].join(',');
}

async function read(
  parts: ImportParts,
  ctx: CallContext,
  job: Job,
  { type, attributes, name }: Wish & { readonly name: string },
): Promise<readonly ImportedKeys[]> {
  const open = parts.origins.get(type);
  if (open === undefined) throw invalidArgument(`unknown cache importer: ${type}`);
  try {
    return await job.inStep(ctx, `importing cache manifest from ${name}`, async ({ call, sessions }) => {
      const opened = await open(call, { given: attributes, sessions });
      const caches = 'caches' in opened ? opened.caches : await readCaches(opened, call);
      if (attributes.get('mounts') === 'true') await bringMounts(parts, call, caches, opened.fetch);
      return caches.map((cache) => new CacheKeys(name, cache, { ...parts, fetch: (asked, layer) => opened.fetch(asked, layer) }));
    });
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    parts.logger.info({ err: error, cache: name }, `a cache could not be read: ${errorText(error)}`);
    return [];
  }
}

/** The trees of cache mounts that came with caches; one that cannot be brought is empty at first, as without a cache. */
async function bringMounts(
  { refs, services, isEmpty, logger }: ImportParts,
  ctx: CallContext,
  caches: readonly ReadCache[],
  fetch: CacheOrigin['fetch'],
): Promise<void> {
  for (const { config, blobs } of caches)
    for (const { id, layer } of config.mounts) {
      const blob = blobs.get(config.layers[layer]?.blob ?? '');
      if (blob === undefined) continue;
      try {
        await bringMount({ refs, services, ...(isEmpty === undefined ? {} : { isEmpty }) }, ctx, { id, layer: lazyLayer(blob, fetch) });
      } catch (error) {
        if (ctx.signal.aborted) throw error;
        logger.warn({ err: error, mount: id }, `a cache mount could not be brought: ${errorText(error)}`);
      }
    }
}
