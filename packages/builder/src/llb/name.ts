import type { FileAction, Op } from '@gantry/api/pb/ops';

/** Names of merged and compared steps are made of those of their inputs and would grow without end; commands of a step are shown whole. */
const LONGEST_COMPOSED = 1000;

/** What the progress calls a step that was given no name; `inputs` are the names of its inputs. */
export function nameOf(op: Op, inputs: readonly string[]): string {
  if (op.source !== undefined) return op.source.identifier;
  if (op.exec !== undefined) return (op.exec.meta?.args ?? []).join(' ');
  if (op.file !== undefined) return op.file.actions.map(actionName).join(', ');
  if (op.build !== undefined) return 'build';
  if (op.merge !== undefined) return cut(`merge (${inputs.join(', ')})`);
  if (op.diff !== undefined) {
    const side = (index: bigint | undefined): string =>
      index === undefined || index < 0n ? 'scratch' : `(${inputs[Number(index)] ?? ''})`;
    return cut(`diff ${side(op.diff.lower?.input)} -> ${side(op.diff.upper?.input)}`);
  }
  return 'unknown';
}

function actionName({ mkdir, mkfile, symlink, rm, copy }: FileAction): string {
  if (mkdir !== undefined) return `mkdir ${mkdir.path}`;
  if (mkfile !== undefined) return `mkfile ${mkfile.path}`;
  if (symlink !== undefined) return `symlink ${symlink.newpath} -> ${symlink.oldpath}`;
  if (rm !== undefined) return `rm ${rm.path}`;
  return `copy ${copy?.src ?? ''} ${copy?.dest ?? ''}`;
}

function cut(name: string): string {
  return name.length <= LONGEST_COMPOSED ? name : `${name.slice(0, LONGEST_COMPOSED - 1)}…`;
}
