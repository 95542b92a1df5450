import type { FileOp } from '@gantry/api/pb/ops';
import { invalidArgument } from '@gantry/rpc';
import type { Op, OpMaker } from '../../solver/op';
import type { Refs } from '../../refs/ref';
import { actionsKey } from './key';
import { type FileBase, FileRun } from './run';
import { inputKeys } from './selectors';

/** Makes the ops that copy, make and remove files. */
export function fileOps(base: FileBase & { readonly refs: Pick<Refs, 'checksum'> }): OpMaker<FileOp> {
  return (definition, about): Op => {
    if (definition.actions.length === 0) throw invalidArgument('invalid file op with no actions');
    const { inputs } = about;
    return {
      async *cacheMaps() {
        yield await Promise.resolve({ digest: actionsKey(definition, inputs), inputs: inputKeys(base.refs, definition.actions, inputs) });
      },
      run: (step, trees) => new FileRun(base, step.call, trees, definition.actions, about.name).outputs(),
    };
  };
}
