import type { FileAction } from '@gantry/api/pb/ops';

/** Numbers that an action reads trees by: the op's inputs first, then the outcomes of its actions. -1 is scratch. */
export const NONE = -1;

export function ownerInputs(action: FileAction): number[] {
  const owner = (action.copy ?? action.mkfile ?? action.mkdir ?? action.symlink)?.owner;
  return [owner?.user?.byName?.input, owner?.group?.byName?.input].flatMap((input) => (input === undefined ? [] : [Number(input)]));
}

/**
 * Actions whose outcome has to be a tree of its own: it is an output, or more than the action that goes on with it looks at it. All others change the tree of the action
 * before in place.
 */
export function committedActions(actions: readonly FileAction[], inputs: number): ReadonlySet<number> {
  const uses = new Map<number, number>();
  const out = new Set<number>();
  const use = (input: number, times: number): void => {
    uses.set(input, (uses.get(input) ?? 0) + times);
  };
  actions.forEach((action, at) => {
    use(Number(action.input), 1);
    for (const input of [Number(action.secondaryInput), ...ownerInputs(action)]) use(input, 2);
    if (action.output !== -1n) out.add(at);
  });
  for (const [input, count] of uses) if (count > 1 && input >= inputs) out.add(input - inputs);
  return out;
}
