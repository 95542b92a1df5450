import { type ExecOp, type Mount, MountType, NetMode, type Op, SecurityMode } from '@gantry/api/pb/ops';
import { invalidArgument } from '@gantry/rpc';

/** `input` of a mount without one, and `output` of a mount whose tree goes no further. */
export const NONE = -1n;
export const ROOT = '/';

/** An exec op as it is after its definition was checked (llb/validate). */
export interface Exec extends ExecOp {
  readonly meta: NonNullable<ExecOp['meta']>;
}

/** Whether the mode is one that is known here: the wire carries any number. */
export const isNetMode = (mode: NetMode): boolean => NetMode[mode] !== undefined;

/** The exec op of a vertex. Throws invalidArgument that names what is not known here. */
export function execOf({ exec }: Op): Exec {
  if (exec?.meta === undefined) throw invalidArgument('invalid exec op with no meta');
  if (!isNetMode(exec.network)) throw invalidArgument(`unknown network mode ${exec.network}`);
  if (SecurityMode[exec.security] === undefined) throw invalidArgument(`unknown security mode ${exec.security}`);
  for (const { dest, mountType } of exec.mounts) {
    if (MountType[mountType] === undefined) throw invalidArgument(`mount type ${mountType} of ${dest} is not implemented`);
    if (dest === ROOT && mountType !== MountType.BIND) throw invalidArgument(`invalid mount type ${MountType[mountType]} for ${dest}`);
  }
  return { ...exec, meta: exec.meta };
}

/** Whether the tree of a mount is an outcome of the step. A secret or an agent is none; clients leave the field at 0 there. */
export const isOutput = ({ output, mountType }: Mount): boolean =>
  output !== NONE && mountType !== MountType.SECRET && mountType !== MountType.SSH;
