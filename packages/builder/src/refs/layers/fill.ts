import type { Mount } from '@gantry/api/containerd/types/types';
import { type TreeProgram, TreeRequest } from '@gantry/native';
import type { CallContext } from '@gantry/rpc';
import type { RecordTable } from '../records/table';
import type { Views } from '../trees/view';
import { layerMadeHere } from './made-here';
import { ownLayer } from './stack-parts';

export interface FillBase {
  readonly records: RecordTable;
  readonly views: Views;
  readonly program: Pick<TreeProgram, 'run'>;
}

/** By links to the files of the snapshot that the layer was made of. */
export async function fillLayer(
  { records, views, program }: FillBase,
  ctx: CallContext,
  diffId: string,
  mounts: readonly Mount[],
): Promise<boolean> {
  const [target] = mounts;
  const upper = target?.options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length);
  if (mounts.length !== 1 || target?.type !== 'overlay' || upper === undefined) return false;
  const found = layerMadeHere(records, diffId);
  if (found === undefined || found.parents.length === 0) return false;
  const view = await views.open(ctx, found);
  try {
    const own = ownLayer(view.mounts, false);
    if (own === undefined) return false;
    await program.run(new TreeRequest('S').text(upper).number(0).number(1).number('k'.charCodeAt(0)).text(own), ctx.signal);
    return true;
  } finally {
    await view.release();
  }
}
