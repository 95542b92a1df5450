import { invalidArgument } from '@gantry/rpc';
import type { DockerdOption } from './option';
import type { Plan } from './plan';
import type { Value } from './values';

type Tree = Readonly<Record<string, unknown>>;

/** What dockerd has no key for, under one that is ours: keys of the services' own files, which check what is in them. */
export const gantryOptions: readonly DockerdOption[] = [
  {
    key: 'gantry',
    type: 'object',
    help: 'event-journal and log-bound, as in supervisor.yaml; overlay, as in network.yaml; sockets with scopes, by name',
    take: takeGantry,
  },
];

const KEYS: Readonly<Record<string, (plan: Plan, value: unknown) => void>> = {
  'event-journal': (plan, value) => plan.set('supervisor', 'event-journal', value),
  'log-bound': (plan, value) => plan.set('supervisor', 'log-bound', value),
  overlay: (plan, value) => plan.set('network', 'overlay', value),
  sockets: takeSockets,
};

/** A socket and its scope in one: {ci: {host, group, read-only, verbs, labels}}. */
function takeSockets(plan: Plan, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidArgument('"gantry": sockets must be a map');
  const sockets: Record<string, Tree> = {};
  const scopes: Record<string, Tree> = {};
  for (const [name, said] of Object.entries(value as Tree)) {
    const { host, group, ...scope } = (said ?? {}) as Tree;
    sockets[name] = { host, ...(group === undefined ? {} : { group }) };
    scopes[name] = scope;
  }
  plan.set('gateway', 'sockets', sockets);
  plan.set('supervisor', 'socket-scopes', scopes);
}

function takeGantry(plan: Plan, value: Value, name: string): void {
  for (const [key, said] of Object.entries(value as Tree)) {
    const take = KEYS[key];
    if (take === undefined) throw invalidArgument(`${name}: unknown key "${key}": it is one of ${Object.keys(KEYS).join(', ')}`);
    take(plan, said);
  }
}
