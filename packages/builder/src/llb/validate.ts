import { type FileAction, MountType, type Op } from '@gantry/api/pb/ops';
import { invalidArgument } from '@gantry/rpc';

/** Index of an input that there is none of. */
const NONE = -1n;

/**
 * What everything that runs the op may take for granted: exactly one kind, and indexes that name an input or an earlier output. Nothing here is looked up by an index from outside
 * without this. Throws invalidArgument.
 */
export function validateOp(op: Op): void {
  for (const { index, digest } of op.inputs) if (!small(index)) throw invalidArgument(`invalid index ${index} of input ${digest}`);
  if (op.exec !== undefined) validateExec(op);
  else if (op.file !== undefined) validateFile(op.file.actions, op.inputs.length);
  else if (op.merge !== undefined) {
    for (const { input } of op.merge.inputs) inputOf(op, input, 'merge');
  } else if (op.diff !== undefined) {
    for (const side of [op.diff.lower, op.diff.upper]) {
      if (side === undefined) throw invalidArgument('invalid diff op with nil input');
      if (side.input !== NONE) inputOf(op, side.input, 'diff');
    }
  } else if (op.build !== undefined) {
    if (op.build.builder !== NONE) inputOf(op, op.build.builder, 'build');
    for (const [name, { input }] of Object.entries(op.build.inputs)) inputOf(op, input, `build ${name}`);
  } else if (op.source !== undefined) {
    if (op.inputs.length > 0) throw invalidArgument('invalid source op with inputs');
  } else if (op.passthrough !== undefined) throw invalidArgument('invalid op: passthrough is not supported');
  else throw invalidArgument('invalid nil op');
}

function inputOf(op: Op, index: bigint, what: string): void {
  if (!small(index) || index >= op.inputs.length) throw invalidArgument(`invalid ${what} op: input index ${index} out of range`);
}

/** Index that a number can be; far more than any step has. */
function small(index: bigint): boolean {
  return index >= 0n && index < 1n << 20n;
}

function validateExec(op: Op): void {
  const { meta, mounts = [] } = op.exec ?? {};
  if (meta === undefined) throw invalidArgument('invalid exec op with no meta');
  if (meta.args.length === 0) throw invalidArgument('invalid exec op with no args');
  if (mounts.length === 0) throw invalidArgument('invalid exec op with no mounts');
  if (!mounts.some(({ dest }) => dest === '/')) throw invalidArgument('invalid exec op with no rootfs');
  const outputs = new Set<bigint>();
  for (const { input, output, mountType } of mounts) {
    if (input !== NONE) inputOf(op, input, 'exec');
    // Secrets and agents have no output; clients leave the field at 0.
    if (output === NONE || mountType === MountType.SECRET || mountType === MountType.SSH) continue;
    if (!small(output) || output >= mounts.length) throw invalidArgument(`invalid exec op: output index ${output} out of range`);
    if (outputs.has(output)) throw invalidArgument(`invalid exec op: output index ${output} is given twice`);
    outputs.add(output);
  }
}

function validateFile(actions: readonly FileAction[], inputs: number): void {
  if (actions.length === 0) throw invalidArgument('invalid file op with no actions');
  const outputs = new Set<bigint>();
  actions.forEach((action, at) => {
    const kinds = [action.copy, action.mkfile, action.mkdir, action.rm, action.symlink].filter((kind) => kind !== undefined);
    if (kinds.length !== 1) throw invalidArgument(`invalid file action ${at} of unknown kind`);
    const owner = (action.copy ?? action.mkfile ?? action.mkdir ?? action.symlink)?.owner;
    const names = [owner?.user?.byName?.input, owner?.group?.byName?.input].filter((input) => input !== undefined);
    // An action's inputs are the op's, followed by the outcomes of the actions before it.
    for (const input of [action.input, action.secondaryInput, ...names])
      if (input !== NONE && (!small(input) || input >= inputs + at))
        throw invalidArgument(`invalid input index ${input} of file action ${at}`);
    if (action.output === NONE) return;
    if (!small(action.output) || outputs.has(action.output))
      throw invalidArgument(`invalid output index ${action.output} of file action ${at}`);
    outputs.add(action.output);
  });
  if (outputs.size === 0) throw invalidArgument('no outputs specified');
  for (let at = 0n; at < outputs.size; at++) if (!outputs.has(at)) throw invalidArgument(`missing output index ${at} of file op`);
}
