import { invalidArgument } from '@gantry/rpc';
import type { DockerdOption } from './option';
import type { Plan } from './plan';
import type { Value } from './values';

type Tree = Readonly<Record<string, unknown>>;

/** What dockerd has no key for, under one that is ours: keys of the services' own files, which check what is in them. */
export const gantryOptions: readonly DockerdOption[] = [
  { key: 'gantry', type: 'object', help: 'event-journal, as in supervisor.yaml', take: takeGantry },
];

const KEYS: Readonly<Record<string, (plan: Plan, value: unknown) => void>> = {
  'event-journal': (plan, value) => plan.set('supervisor', 'event-journal', value),
};

function takeGantry(plan: Plan, value: Value, name: string): void {
  for (const [key, said] of Object.entries(value as Tree)) {
    const take = KEYS[key];
    if (take === undefined) throw invalidArgument(`${name}: unknown key "${key}": it is ${Object.keys(KEYS).join(' or ')}`);
    take(plan, said);
  }
}
