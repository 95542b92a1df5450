import type { Descriptor } from '@gantry/oci';
import { type CallContext, errorText, type Logger } from '@gantry/rpc';
import type { LazyLayer, Refs } from '../refs/ref';
import type { FoundResult, ImportedKeys, LinkAt, StoredResult } from '../solver';
import { type CacheConfig, CREATED_AT, DESCRIPTION, recordDigest, UNCOMPRESSED } from './config';
import { stacksOf } from './layers';

/** A layer of a cache's place that is brought when it is wanted. */
export function lazyLayer(blob: Descriptor, fetch: Brings['fetch']): LazyLayer {
  const created = Date.parse(blob.annotations?.[CREATED_AT] ?? '');
  return {
    blob,
    diffId: blob.annotations?.[UNCOMPRESSED] ?? '',
    ...(blob.annotations?.[DESCRIPTION] === undefined ? {} : { description: blob.annotations[DESCRIPTION] }),
    ...(Number.isNaN(created) ? {} : { created: new Date(created) }),
    fetch: (ctx) => fetch(ctx, blob),
  };
}

export interface Brings {
  readonly refs: Pick<Refs, 'ofLayers'>;
  readonly logger: Logger;
  /** Brings a layer from the place into the content store. */
  readonly fetch: (ctx: CallContext, layer: Descriptor) => Promise<void>;
}

/** The keys of a cache that a client named, as they are when it is read. A key is the index of a record. */
export class CacheKeys implements ImportedKeys {
  private readonly roots = new Map<string, number>();
  private readonly links = new Map<string, number[]>();
  private readonly digests: ReadonlySet<string>;
  private readonly stacks: (readonly { readonly layers: readonly Descriptor[]; readonly created: number }[])[];
  private readonly gone = new Set<string>();

  constructor(
    readonly name: string,
    { config, blobs }: { readonly config: CacheConfig; readonly blobs: ReadonlyMap<string, Descriptor> },
    private readonly brings: Brings,
  ) {
    this.digests = new Set(config.records.map(({ digest }) => digest));
    this.stacks = config.records.map((record) => stacksOf(config, record, blobs));
    for (const [key, { digest, inputs }] of config.records.entries()) {
      if (inputs.length === 0 && !this.roots.has(digest)) this.roots.set(digest, key);
      for (const [input, links] of inputs.entries())
        for (const { selector, link } of links) {
          const from = this.rootOf(config, link);
          const place = linkName(from, input, selector, digest);
          const keys = this.links.get(place);
          if (keys === undefined) this.links.set(place, [key]);
          else keys.push(key);
        }
    }
  }

  root(digest: string, output: number): number | undefined {
    return this.roots.get(recordDigest(digest, output));
  }

  follow(from: number, { digest, output, input, selector }: LinkAt): readonly number[] {
    return this.links.get(linkName(from, input, selector, recordDigest(digest, output))) ?? [];
  }

  /** Steps have an output 0 in all but strange cases: those are looked up in vain. */
  knows(digest: string): boolean {
    return this.digests.has(digest) || this.digests.has(recordDigest(digest, 1));
  }

  results(key: number): readonly StoredResult[] {
    const all = (this.stacks[key] ?? []).map(({ created }, at) => ({ id: `${key} ${at}`, created }));
    return all.filter(({ id }) => !this.gone.has(id));
  }

  drop(_key: number, { id }: StoredResult): void {
    this.gone.add(id);
  }

  async load(step: Parameters<ImportedKeys['load']>[0], { id }: FoundResult): ReturnType<ImportedKeys['load']> {
    const [key = -1, at = -1] = id.split(' ').map(Number);
    const stack = this.stacks[key]?.[at]?.layers ?? [];
    try {
      return await this.brings.refs.ofLayers(
        step.call,
        stack.map((blob) => lazyLayer(blob, this.brings.fetch)),
        { description: `imported from cache ${this.name}` },
      );
    } catch (error) {
      if (step.call.signal.aborted) throw error;
      this.brings.logger.warn({ err: error, cache: this.name }, `a result of an imported cache could not be brought: ${errorText(error)}`);
      return 'gone';
    }
  }

  /** Root records of one digest are one key. */
  private rootOf({ records }: CacheConfig, link: number): number {
    const record = records[link];
    return record?.inputs.length === 0 ? (this.roots.get(record.digest) ?? link) : link;
  }
}

const linkName = (from: number, input: number, selector: string, digest: string): string => `${from} ${input} ${digest} ${selector}`;
