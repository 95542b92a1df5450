import type { CallContext } from '@gantry/rpc';
import type { CacheExportInput } from '../control/needs';
import type { StepProgress } from '../progress/progress';
import type { Refs } from '../refs/ref';
import type { StoredKeys } from '../solver';
import { readBlob } from '../worker/blobs';
import type { ExportChoice } from './attributes';
import { collect } from './collect';
import { cacheDocuments } from './manifest';
import { marshal, type MarshalledCache } from './marshal';
import { type MountParts, mountIds, withMounts } from './mounts';
import type { CacheTarget } from './place';

export interface CacheWriting {
  readonly keys: StoredKeys;
  readonly refs: Pick<Refs, 'get' | 'layers' | 'blobs' | 'cacheTree'>;
  readonly services: MountParts['services'];
}

/** Layers that travel at once. */
const AT_ONCE = 4;

/** Carries the cache of a build to a place that keeps manifests. The response tells the client of the manifest. */
export async function writeCache(
  writing: CacheWriting,
  ctx: CallContext,
  input: CacheExportInput,
  { choice, target }: { readonly choice: ExportChoice; readonly target: CacheTarget },
): Promise<ReadonlyMap<string, string>> {
  const ids = choice.mounts ? mountIds(input.result.outcomes.values()) : [];
  const write = async (cache: MarshalledCache): Promise<ReadonlyMap<string, string>> => {
    if (cache.layers.length === 0) {
      note(input.progress, 'skipping cache export for empty result');
      return new Map();
    }
    await writeLayers(writing, ctx, cache, { progress: input.progress, write: (layer, chunks) => target.write(ctx, layer, chunks) });
    const { config, manifest } = cacheDocuments(cache, choice.form);
    await timed(input.progress, `writing config ${config.descriptor.digest}`, () =>
      target.write(ctx, config.descriptor, whole(config.bytes)),
    );
    const words = choice.form.imageManifest ? 'writing cache image manifest' : 'writing cache manifest';
    await timed(input.progress, `${words} ${manifest.descriptor.digest}`, () => target.finish(ctx, manifest.descriptor, manifest.bytes));
    return new Map([['cache.manifest', JSON.stringify(manifest.descriptor)]]);
  };
  return withCache(writing, ctx, input, choice, (cache) => withMounts(writing, ctx, { cache, ids }, write));
}

/** Runs `use` with the cache of a build; its trees are held so long. */
export async function withCache<T>(
  { keys, refs }: Pick<CacheWriting, 'keys' | 'refs'>,
  ctx: CallContext,
  { result, progress }: Pick<CacheExportInput, 'result' | 'progress'>,
  { mode, blobs }: Pick<ExportChoice, 'mode' | 'blobs'>,
  use: (cache: MarshalledCache) => Promise<T>,
): Promise<T> {
  const collected = collect({ keys, refs }, result.outcomes.values(), mode);
  try {
    return await use(await timed(progress, 'preparing build cache for export', () => marshal(refs, ctx, collected.records, blobs)));
  } finally {
    collected.release();
  }
}

/** Each layer once, several at a time. */
export async function writeLayers(
  { services }: Pick<CacheWriting, 'services'>,
  ctx: CallContext,
  { layers, bring }: Pick<MarshalledCache, 'layers' | 'bring'>,
  {
    progress,
    atOnce = AT_ONCE,
    write,
  }: {
    readonly progress: StepProgress;
    readonly atOnce?: number | undefined;
    readonly write: (layer: MarshalledCache['layers'][number], chunks: (offset: number) => AsyncIterable<Buffer>) => Promise<void>;
  },
): Promise<void> {
  async function* bytes(digest: string, offset: number): AsyncGenerator<Buffer> {
    await bring?.(ctx, digest);
    yield* readBlob(services, ctx, digest, offset);
  }
  const chunksOf = (digest: string) => (offset: number) => bytes(digest, offset);
  const waiting = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  const worker = async (): Promise<void> => {
    for (let layer = waiting.shift(); layer !== undefined; layer = waiting.shift()) {
      const { digest } = layer;
      const next = layer;
      await timed(progress, `writing layer ${digest}`, () => write(next, chunksOf(digest)));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** A line of the progress that shows how long something took. */
export async function timed<T>(progress: StepProgress, id: string, run: () => Promise<T>): Promise<T> {
  const started = new Date();
  progress.status({ id, started });
  try {
    return await run();
  } finally {
    progress.status({ id, started, completed: new Date() });
  }
}

function note(progress: StepProgress, id: string): void {
  const now = new Date();
  progress.status({ id, started: now, completed: now });
}

const whole = (bytes: Buffer) =>
  async function* (offset: number): AsyncGenerator<Buffer> {
    yield bytes.subarray(offset);
  };
