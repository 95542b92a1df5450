import type { Descriptor } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { CacheConfig, CacheRecord } from './config';

/** Stacks of layers of a record's results, bottom first, newest result first. Those with a layer that the place does not have are left out. */
export function stacksOf(
  { layers }: Pick<CacheConfig, 'layers'>,
  record: Pick<CacheRecord, 'layers' | 'chains'>,
  blobs: ReadonlyMap<string, Descriptor>,
): { readonly layers: readonly Descriptor[]; readonly created: number }[] {
  const found = [
    ...record.layers.map(({ layer, createdAt }) => ({ indexes: below(layers, layer), createdAt })),
    ...record.chains.map(({ layers: indexes, createdAt }) => ({ indexes, createdAt })),
  ];
  return found
    .flatMap(({ indexes, createdAt }) => {
      const stack = indexes.flatMap((at) => blobs.get(layers[at]?.blob ?? '') ?? []);
      return stack.length === indexes.length ? [{ layers: stack, created: Date.parse(createdAt) || 0 }] : [];
    })
    .sort((a, b) => b.created - a.created);
}

/** A layer with all below it, bottom first. */
function below(layers: CacheConfig['layers'], top: number): readonly number[] {
  const seen = new Set<number>();
  for (let at = top; at !== -1; at = layers[at]?.parent ?? -1) {
    if (seen.has(at)) throw invalidArgument('invalid looping layer');
    seen.add(at);
  }
  return [...seen].reverse();
}
