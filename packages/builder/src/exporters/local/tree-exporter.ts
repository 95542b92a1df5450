import type { CallContext } from '@gantry/rpc';
import type { Refs } from '../../refs/ref';
import type { Exporter, ExportInput } from '../exporter';
import { refuseOverlaps, treeAttributes, withTrees } from './trees';

type Trees = Parameters<Parameters<typeof withTrees>[3]>[0];

/** Carries the files of a result to the client in one way or another; they are in no image then. */
export function makeTreeExporter(
  refs: Refs,
  { type, name }: { readonly type: 'local' | 'tar'; readonly name: string },
  carry: (ctx: CallContext, trees: Trees, to: { readonly input: ExportInput; readonly index: number }) => Promise<unknown>,
): Exporter {
  return {
    types: [type],
    open: (attributes, index) => {
      const options = treeAttributes(type, attributes);
      return {
        name,
        export: async (ctx, input) => {
          await withTrees(refs, ctx, { input, options }, async (trees) => {
            await refuseOverlaps(trees);
            await carry(ctx, trees, { input, index });
          });
          return new Map();
        },
      };
    },
  };
}
