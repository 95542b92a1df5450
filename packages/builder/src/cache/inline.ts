import type { Descriptor } from '@gantry/oci';
import type { CacheExporter } from '../control/needs';
import type { Outcome } from '../frontend/frontend';
import type { BlobOptions } from '../refs/ref';
import { Attributes } from './attributes';
import { collect } from './collect';
import { type inConfig, marshal } from './marshal';
import type { CacheWriting } from './write-cache';

/** The exporter's own, where it says nothing else: layers that are there are taken as they are. */
const AS_THEY_ARE: BlobOptions = { compression: 'gzip', force: false, oci: true };

/** `--cache-to type=inline`: which steps the layers of an image are of, in its configuration. */
export function inlineCacheExporter({ keys, refs }: Pick<CacheWriting, 'keys' | 'refs'>): CacheExporter {
  return {
    open(given) {
      const attributes = new Attributes('inline', given);
      attributes.text('mode');
      attributes.end();
      return {
        name: 'exporting inline cache',
        inline: true,
        async forImage(ctx, { result, platform }) {
          const outcome: Outcome | undefined = result.outcomes.get(platform) ?? result.outcomes.get('');
          if (outcome === undefined) return undefined;
          const tree = await outcome.tree(ctx);
          if (tree === undefined) return undefined;
          const image = await refs.blobs(ctx, tree, AS_THEY_ARE).finally(() => tree.release());
          const collected = collect({ keys, refs }, [outcome], 'min');
          try {
            const { layers, config } = await marshal(refs, ctx, collected.records, AS_THEY_ARE);
            return forLayers(
              { layers, config },
              image.map(({ blob }) => blob),
            );
          } finally {
            collected.release();
          }
        },
        export: () => Promise.resolve(new Map<string, string>()),
      };
    },
  };
}

type Written = ReturnType<typeof inConfig>;

/** Records with the places of layers in the image; undefined where no result is made of its layers. */
export function forLayers({ layers, config }: Written, image: readonly Descriptor[]): Buffer | undefined {
  const place = new Map(image.map(({ digest }, at) => [digest, at]));
  const stackOf = (top: number): number[] => {
    const stack: number[] = [];
    for (let at = top; at !== -1; at = config.layers?.[at]?.parent ?? -1) {
      const layer = layers[at];
      stack.unshift((layer === undefined ? undefined : place.get(layer.digest)) ?? -1);
    }
    return stack;
  };
  let any = false;
  const records = (config.records ?? []).map((record) => {
    const { layers: results = [], ...rest } = record as {
      readonly layers?: readonly { readonly layer: number; readonly createdAt: string }[];
    };
    const stacks = results.map(({ layer, createdAt }) => ({ stack: stackOf(layer), createdAt })).filter(({ stack }) => !stack.includes(-1));
    if (stacks.length === 0) return rest;
    any = true;
    const inOrder = stacks.filter(({ stack }) => stack.every((at, depth) => at === depth));
    const others = stacks.filter(({ stack }) => !stack.every((at, depth) => at === depth));
    return {
      ...rest,
      ...(inOrder.length === 0 ? {} : { layers: inOrder.map(({ stack, createdAt }) => ({ layer: stack.length - 1, createdAt })) }),
      ...(others.length === 0 ? {} : { chains: others.map(({ stack, createdAt }) => ({ layers: stack, createdAt })) }),
    };
  });
  return any ? Buffer.from(JSON.stringify(records)) : undefined;
}
