import { invalidArgument } from '@gantry/rpc';
import type { DockerdOption } from './option';
import type { Plan } from './plan';
import type { Value } from './values';

type Tree = Readonly<Record<string, unknown>>;

/** The builder: `builder` of daemon.json, whose keys docker reads whatever their case. */
export const builderOptions: readonly DockerdOption[] = [
  { key: 'builder', type: 'object', help: 'gc, entitlements and history of the builder', take: takeBuilder },
];

function takeBuilder(plan: Plan, value: Value, name: string): void {
  const builder = fields(value, name, ['gc', 'entitlements', 'history']);
  if (builder['gc'] !== undefined) takeGc(plan, fields(builder['gc'], `${name}.gc`, GC), `${name}.gc`);
  if (builder['entitlements'] !== undefined)
    takeEntitlements(plan, fields(builder['entitlements'], `${name}.entitlements`, ['network-host', 'security-insecure']), name);
  if (builder['history'] !== undefined) takeHistory(plan, fields(builder['history'], `${name}.history`, ['maxage', 'maxentries']), name);
}

const GC = ['enabled', 'policy', 'defaultreservedspace', 'defaultmaxusedspace', 'defaultminfreespace', 'defaultkeepstorage'];
const RULE = ['all', 'filter', 'reservedspace', 'maxusedspace', 'minfreespace', 'keepstorage', 'keepduration'];

function takeGc(plan: Plan, gc: Tree, name: string): void {
  const set = (key: string, value: unknown): void => void (value !== undefined && plan.set('build', `gc.${key}`, value));
  set('enabled', gc['enabled'] === undefined ? undefined : bool(gc['enabled'], `${name}.enabled`));
  set('reserved-space', space(gc['defaultreservedspace'] ?? gc['defaultkeepstorage'], `${name}.defaultReservedSpace`));
  set('max-used-space', space(gc['defaultmaxusedspace'], `${name}.defaultMaxUsedSpace`));
  set('min-free-space', space(gc['defaultminfreespace'], `${name}.defaultMinFreeSpace`));
  const { policy } = gc;
  if (policy === undefined || policy === null) return;
  if (!Array.isArray(policy)) throw invalidArgument(`invalid value for ${name}.policy: it must be a list of rules`);
  set(
    'policy',
    policy.map((rule: unknown, at) => ruleOf(fields(rule, `${name}.policy[${at}]`, RULE), `${name}.policy[${at}]`)),
  );
}

function ruleOf(rule: Tree, name: string): Tree {
  const said: [string, unknown][] = [
    ['all', rule['all'] === undefined ? undefined : bool(rule['all'], `${name}.all`)],
    ['filter', filters(rule['filter'], `${name}.filter`)],
    ['keep-duration', space(rule['keepduration'], `${name}.keepDuration`)],
    ['reserved-space', space(rule['reservedspace'] ?? rule['keepstorage'], `${name}.reservedSpace`)],
    ['max-used-space', space(rule['maxusedspace'], `${name}.maxUsedSpace`)],
    ['min-free-space', space(rule['minfreespace'], `${name}.minFreeSpace`)],
  ];
  return Object.fromEntries(said.filter(([, value]) => value !== undefined));
}

/** docker writes `key=value`, and a filter that is a time is the rule's duration there; BuildKit writes `key==value`. */
function filters(value: unknown, name: string): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
    throw invalidArgument(`invalid value for ${name}: it must be a list of strings`);
  return (value as string[]).map((each) =>
    each.replace(/^\s*([^=~!]+?)\s*=\s*([^=].*)$/s, (_, key: string, text: string) => `${key.toLowerCase()}==${text.trim()}`),
  );
}

function takeEntitlements(plan: Plan, given: Tree, name: string): void {
  const host = given['network-host'] === undefined || bool(given['network-host'], `${name}.entitlements.network-host`);
  const insecure = given['security-insecure'] !== undefined && bool(given['security-insecure'], `${name}.entitlements.security-insecure`);
  plan.set('build', 'insecure-entitlements', [...(host ? ['network.host'] : []), ...(insecure ? ['security.insecure'] : [])]);
}

function takeHistory(plan: Plan, history: Tree, name: string): void {
  const age = history['maxage'];
  if (age !== undefined) plan.set('build', 'history.max-age', typeof age === 'number' ? `${age}s` : String(age));
  const entries = history['maxentries'];
  if (entries === undefined) return;
  if (!Number.isSafeInteger(entries)) throw invalidArgument(`invalid value for ${name}.history.maxEntries: it must be a whole number`);
  plan.set('build', 'history.max-entries', entries);
}

/** The members of an object with their names in small letters; an unknown one is refused. */
function fields(value: unknown, name: string, known: readonly string[]): Tree {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidArgument(`invalid value for ${name}: it must be a map`);
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => {
      if (!known.includes(key.toLowerCase())) throw invalidArgument(`unknown key in ${name}: "${key}"`);
      return [key.toLowerCase(), each as unknown];
    }),
  );
}

function bool(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw invalidArgument(`invalid value for ${name}: it must be true or false`);
  return value;
}

function space(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalidArgument(`invalid value for ${name}: it must be a string`);
  return value;
}
