import { posix } from 'node:path';
import type { Step } from '@gantry/dockerfile';
import { expand } from '@gantry/dockerfile';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import { hasBit, MODE } from '../../../fsutil/mode';
import type { Outcome } from '../../frontend';
import { type Request, solveTree } from '../request';
import type { Made } from './plan';

/** As many as Linux follows. */
const MOST_LINKS = 40;

/** A volume lies over a directory of the image, or where there is nothing: the classic builder makes a container with it. */
export async function checkVolume(request: Request, { tree, env }: Made, { instruction }: Step): Promise<void> {
  if (instruction.name !== 'volume') return;
  const { outcome } = await solveTree(request, tree);
  for (const word of instruction.words) {
    const path = expand(word, { lookup: (name) => env.get(name), escape: '\\' }).word;
    const mode = await modeAt(request, outcome, path);
    if (mode !== undefined && !hasBit(mode, MODE.dir)) throw invalidArgument(`cannot mount volume over existing file, file exists ${path}`);
  }
}

/** What is there, behind links; undefined where nothing is, or where links lead nowhere. */
async function modeAt({ bridge, ctx }: Request, outcome: Outcome, path: string): Promise<number | undefined> {
  let at = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    try {
      const { mode, linkname } = await bridge.statFile(ctx, outcome, at);
      if (!hasBit(mode, MODE.symlink)) return mode;
      // Not made shorter: what `..` leads to, a link in the way decides.
      at = linkname.startsWith('/') ? linkname : `${posix.dirname(at)}/${linkname}`;
    } catch (error) {
      if (isErrorOf(error, 'notFound', 'invalidArgument')) return undefined;
      throw error;
    }
  }
  return undefined;
}
