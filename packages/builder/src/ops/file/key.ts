import { posix } from 'node:path';
import { FileAction, type FileOp } from '@gantry/api/pb/ops';
import { digest } from './selectors';

/** Digest over the actions. Of the source of a copy only its name counts: what lies there is in the input's own key. */
export function actionsKey({ actions }: FileOp, inputs: number): string {
  const parts = actions.map((action) => {
    const { copy, secondaryInput } = action;
    const fromInput = copy !== undefined && secondaryInput !== -1n && secondaryInput < BigInt(inputs);
    const said = fromInput ? { ...action, copy: { ...copy, src: posix.basename(copy.src) } } : action;
    return Buffer.from(FileAction.encode(said).finish()).toString('base64');
  });
  return digest(JSON.stringify(['gantry.file.v0', parts]));
}
