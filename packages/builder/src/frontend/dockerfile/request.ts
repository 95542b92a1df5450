import { type Definition, Op } from '@gantry/api/pb/ops';
import type { CallContext } from '@gantry/rpc';
import { marshal } from '../../llb/write/marshal';
import type { Tree } from '../../llb/write/graph';
import { type FrontendBridge, type Outcome, type SolveWish, wishFor } from '../frontend';
import { type Platform, toPb } from './platform';

/** One build: what was asked, and whom to ask. */
export interface Request {
  readonly ctx: CallContext;
  readonly bridge: FrontendBridge;
  readonly options: ReadonlyMap<string, string>;
  readonly inputs: ReadonlyMap<string, Definition>;
  /** The client whose folders and layouts are read. */
  readonly sessionId: string;
  /** What the builder itself runs on. */
  readonly platform: Platform;
}

export interface Solved {
  readonly outcome: Outcome;
  readonly definition: Definition;
}

/** Asks for a tree; it is made when somebody looks into it. `change` is for what is said about its steps. */
export async function solveTree(
  request: Request,
  tree: Tree,
  more: Partial<SolveWish> = {},
  change = (definition: Definition): Definition => definition,
): Promise<Solved> {
  const definition = change(marshal(tree, { platform: toPb(request.platform) }));
  const result = definition.def.length === 0 ? undefined : await request.bridge.solve(request.ctx, { ...wishFor(definition), ...more });
  const scratch: Outcome = { definition, tree: () => Promise.resolve(undefined) };
  return { outcome: result?.outcomes.get('') ?? scratch, definition };
}

/** The vertex that a definition is about. */
export function headOf(definition: Definition): string {
  const last = definition.def.at(-1);
  return last === undefined ? '' : (Op.decode(last).inputs[0]?.digest ?? '');
}
