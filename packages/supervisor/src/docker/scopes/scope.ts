import { invalidArgument } from '@gantry/rpc';
import { isVerb, VERBS } from './verbs';

/** What the calls that come over one of the API's sockets may do. */
export interface Scope {
  /** Name of the socket. */
  readonly name: string;
  readonly readOnly: boolean;
  /** Verbs that are allowed, `containers.list` or `containers.*`; empty: all. */
  readonly verbs: readonly string[];
  /** Labels of the containers that are reached; empty: everything. */
  readonly labels: Readonly<Record<string, string>>;
}

const KEYS = ['read-only', 'verbs', 'labels'];
type Tree = Readonly<Record<string, unknown>>;

/** Reads the scopes of a configuration, by the name of their sockets. Throws invalidArgument that names the key. */
export function readScopes(config: Readonly<Record<string, unknown>>): ReadonlyMap<string, Scope> {
  return new Map(Object.entries(config).map(([name, value]) => [name, readScope(name, value)]));
}

function readScope(name: string, value: unknown): Scope {
  const wrong = (what: string): never => {
    throw invalidArgument(`socket-scopes.${name}${what}`);
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong(' must be a map');
  const tree = value as Tree;
  for (const key of Object.keys(tree)) if (!KEYS.includes(key)) wrong(`: unknown key "${key}"`);
  const { 'read-only': readOnly = false, verbs = [], labels = [] } = tree;
  if (typeof readOnly !== 'boolean') return wrong('.read-only must be true or false');
  if (!isWords(verbs)) return wrong('.verbs must be a list of verbs');
  const unknown = verbs.find((verb) => !isKnown(verb));
  if (unknown !== undefined) wrong(`.verbs: "${unknown}" is no verb; one is ${VERBS[0]} or containers.*`);
  if (!isWords(labels)) return wrong('.labels must be a list of key=value');
  const pairs = labels.map((label): [string, string] => {
    const at = label.indexOf('=');
    if (at < 1) wrong(`.labels: "${label}" is not key=value`);
    return [label.slice(0, at), label.slice(at + 1)];
  });
  return { name, readOnly, verbs, labels: Object.fromEntries(pairs) };
}

const isWords = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((each) => typeof each === 'string');
const isKnown = (verb: string): boolean => isVerb(verb) || VERBS.some((each) => verb === `${each.split('.')[0] ?? ''}.*`);
