import { isErrorOf } from '@gantry/rpc';
import type { Outcome } from '../../frontend';
import type { Request } from '../request';

/** A file's content; undefined where there is none, or none that can be read: a question about a Dockerfile comes without the folder of the context. */
export async function readIfThere({ bridge, ctx }: Request, outcome: Outcome, path: string): Promise<Buffer | undefined> {
  try {
    return await bridge.readFile(ctx, outcome, path);
  } catch (error) {
    if (isErrorOf(error, 'cancelled', 'deadlineExceeded')) throw error;
    return undefined;
  }
}
