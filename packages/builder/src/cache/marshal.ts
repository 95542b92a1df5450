import type { Descriptor } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import type { BlobOptions, Ref, Refs } from '../refs/ref';
import type { CollectedRecord } from './collect';
import { CREATED_AT, UNCOMPRESSED } from './config';

/** A cache as its configuration says it, with the blobs that go with it. */
export interface MarshalledCache {
  readonly config: WrittenConfig;
  /** One an entry of `config.layers`. */
  readonly layers: readonly Descriptor[];
  /** Brings the blob of a layer that nobody wanted the files of yet. */
  readonly bring?: (ctx: CallContext, digest: string) => Promise<void>;
}

/** As JSON has it: what is empty is left out. */
export interface WrittenConfig {
  readonly layers?: readonly { readonly blob: string; readonly parent: number; readonly annotations?: object }[];
  readonly records?: readonly object[];
  readonly mounts?: readonly object[];
}

interface Stack {
  readonly layers: readonly Descriptor[];
  readonly created: number;
}

/** Makes blobs of the trees, and the configuration, the same for the same cache. */
export async function marshal(
  refs: Pick<Refs, 'blobs' | 'layers'>,
  ctx: CallContext,
  records: ReadonlyMap<number, CollectedRecord>,
  how: BlobOptions,
): Promise<MarshalledCache> {
  const stacks = new Map<string, Promise<readonly Descriptor[]>>();
  const owners = new Map<string, Ref>();
  const made = new Map<number, Stack>();
  await Promise.all(
    [...records].map(async ([key, { result }]) => {
      if (result === undefined) return;
      let stack = stacks.get(result.ref.id);
      if (stack === undefined) stacks.set(result.ref.id, (stack = layersOf(refs, ctx, result.ref, how)));
      const layers = await stack;
      for (const { digest } of layers) owners.set(digest, result.ref);
      if (layers.length > 0) made.set(key, { layers, created: result.created });
    }),
  );
  return {
    ...inConfig(records, made),
    async bring(asked, digest) {
      await refs.blobs(asked, owners.get(digest), { ...how, present: 'all' });
    },
  };
}

async function layersOf(
  refs: Pick<Refs, 'blobs' | 'layers'>,
  ctx: CallContext,
  ref: Ref,
  how: BlobOptions,
): Promise<readonly Descriptor[]> {
  const blobs = await refs.blobs(ctx, ref, how);
  const about = refs.layers(ref);
  return blobs.map(({ blob, diffId }, at) => ({
    mediaType: blob.mediaType,
    digest: blob.digest,
    size: blob.size,
    annotations: {
      ...createdOf(about[at]?.created),
      [UNCOMPRESSED]: diffId,
    },
  }));
}

const createdOf = (created: Date | undefined): object => (created === undefined ? {} : { [CREATED_AT]: created.toISOString() });

/** Layers and records in an order that hangs on what they say alone. */
export function inConfig(records: ReadonlyMap<number, CollectedRecord>, stacks: ReadonlyMap<number, Stack>): MarshalledCache {
  const chains = new Map<string, { readonly layer: Descriptor; readonly parent: string }>();
  const topOf = (layers: readonly Descriptor[]): string =>
    layers.reduce((parent, layer) => {
      const id = `${layer.digest}${parent === '' ? '' : ` ${parent}`}`;
      if (!chains.has(id)) chains.set(id, { layer, parent });
      return id;
    }, '');
  const tops = new Map([...stacks].map(([key, { layers }]) => [key, topOf(layers)]));
  const order = [...chains.keys()].sort();
  const at = new Map(order.map((id, index) => [id, index]));
  const names = namesOf(records);
  const sorted = [...records.keys()].sort((a, b) => compare(names.get(a) ?? '', names.get(b) ?? ''));
  const place = new Map(sorted.map((key, index) => [key, index]));
  return {
    layers: order.flatMap((id) => chains.get(id)?.layer ?? []),
    config: {
      layers: order.map((id) => ({ blob: chains.get(id)?.layer.digest ?? '', parent: at.get(chains.get(id)?.parent ?? '') ?? -1 })),
      records: sorted.map((key) => {
        const { digest, inputs } = records.get(key) ?? { digest: '', inputs: [] };
        const stack = stacks.get(key);
        const layer = at.get(tops.get(key) ?? '');
        const links = inputs.map((each) =>
          each
            .map(({ key: from, selector }) => ({ ...(selector === '' ? {} : { selector }), link: place.get(from) ?? 0 }))
            .sort((a, b) => a.link - b.link || compare(a.selector ?? '', b.selector ?? '')),
        );
        return {
          ...(stack === undefined || layer === undefined ? {} : { layers: [{ layer, createdAt: new Date(stack.created).toISOString() }] }),
          digest,
          ...(links.length === 0 ? {} : { inputs: links }),
        };
      }),
    },
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What each record is told apart by: its digest, then how deep it stands and what on. Records come inputs first. */
function namesOf(records: ReadonlyMap<number, CollectedRecord>): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const [key, { digest, inputs }] of records) {
    const parents = inputs.map((links) =>
      links
        .map((link) => `${link.selector}<${records.get(link.key)?.digest ?? ''}`)
        .sort()
        .join(),
    );
    names.set(key, `${digest} ${inputs.length} ${parents.join(';')}`);
  }
  return names;
}
