import type { Step } from '@gantry/dockerfile';
import { expand } from '@gantry/dockerfile';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import { hasBit, MODE } from '../../../fsutil/mode';
import { type Request, solveTree } from '../request';
import type { Made } from './plan';

/** A volume lies over a directory of the image, or where there is nothing: the classic builder makes a container with it. */
export async function checkVolume(request: Request, { tree, env }: Made, { instruction }: Step): Promise<void> {
  if (instruction.name !== 'volume') return;
  const { outcome } = await solveTree(request, tree);
  for (const word of instruction.words) {
    const path = expand(word, { lookup: (name) => env.get(name), escape: '\\' }).word;
    let mode: number;
    try {
      ({ mode } = await request.bridge.statFile(request.ctx, outcome, path));
    } catch (error) {
      if (isErrorOf(error, 'notFound', 'invalidArgument')) continue;
      throw error;
    }
    if (!hasBit(mode, MODE.dir)) throw invalidArgument(`cannot mount volume over existing file, file exists ${path}`);
  }
}
