import { TreeRequest } from '@gantry/native';
import type { CallContext } from '@gantry/rpc';
import type { Ref } from '../../refs/ref';
import type { FileBase } from './run';

/** A user database is no larger. */
const MOST_BYTES = 16 * 1024 * 1024;

/** The bytes of a regular file of a tree, links followed inside it; undefined when there is none. */
export async function readFile(base: FileBase, ctx: CallContext, tree: Ref | undefined, path: string): Promise<Buffer | undefined> {
  const view = await base.refs.view(ctx, tree);
  try {
    const answer = await base.program.run(new TreeRequest('R').mounts(view.mounts).text(path).number(MOST_BYTES), ctx.signal);
    return answer[0] === 1 ? answer.subarray(1) : undefined;
  } finally {
    await view.release();
  }
}
