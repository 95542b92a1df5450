import type { EventMessage } from '@gantry/api/gantry/engine/v1/types';

/** docker's filters as they arrive: key to values. Values of one key are alternatives, keys must all hold. */
export type Filters = Readonly<Record<string, { values: readonly string[] }>>;

/** Actions that carry detail after a colon ("exec_create: sh -c x"): the bare word in a filter matches them all. */
const DETAILED = new Set(['exec_create', 'exec_start', 'health_action', 'health_status']);

/** Filters that name the event's object: by id or name, in full or by prefix. */
const OBJECT_KEYS = ['container', 'daemon', 'plugin', 'volume', 'network', 'node', 'service', 'secret', 'config'] as const;

/** What `docker events --filter` lets through (GET /events; unknown keys are ignored there). */
export function dockerEventFilter(filters: Filters): (event: EventMessage) => boolean {
  const values = (key: string): readonly string[] => filters[key]?.values ?? [];
  const checks: ((event: EventMessage) => boolean)[] = [];
  const add = (key: string, matches: (event: EventMessage, value: string) => boolean): void => {
    const wanted = values(key);
    if (wanted.length > 0) checks.push((event) => wanted.some((value) => matches(event, value)));
  };

  add('type', (event, value) => event.Type === value);
  add('scope', (event, value) => event.scope === value);
  add('event', (event, value) => actionMatches(event.Action, value));
  for (const key of OBJECT_KEYS) add(key, (event, value) => event.Type === key && namesObject(event, value));
  add('image', imageMatches);

  const labels = values('label');
  if (labels.length > 0) checks.push((event) => labels.every((label) => hasLabel(event, label)));

  return (event) => checks.every((check) => check(event));
}

function actionMatches(action: string, wanted: string): boolean {
  if (action === wanted) return true;
  return DETAILED.has(wanted) && action.startsWith(`${wanted}:`);
}

function namesObject(event: EventMessage, wanted: string): boolean {
  const id = event.Actor?.ID ?? '';
  const name = event.Actor?.Attributes['name'] ?? '';
  return id.startsWith(wanted) || name.startsWith(wanted);
}

/** An image event by id or name, a container event by its image; a name without tag stands for all its tags. */
function imageMatches(event: EventMessage, wanted: string): boolean {
  if (event.Type === 'image') {
    const id = event.Actor?.ID ?? '';
    const name = event.Actor?.Attributes['name'] ?? '';
    return id === wanted || id === `sha256:${wanted}` || name === wanted || withoutTag(name) === wanted || withoutTag(id) === wanted;
  }
  if (event.Type !== 'container') return false;
  const image = event.Actor?.Attributes['image'] ?? '';
  return image === wanted || withoutTag(image) === wanted;
}

function withoutTag(name: string): string {
  const bare = name.split('@', 1)[0] ?? name;
  const colon = bare.lastIndexOf(':');
  return colon > bare.lastIndexOf('/') ? bare.slice(0, colon) : bare;
}

function hasLabel(event: EventMessage, wanted: string): boolean {
  const attributes = event.Actor?.Attributes ?? {};
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(attributes, wanted);
  const key = wanted.slice(0, equals);
  return Object.hasOwn(attributes, key) && attributes[key] === wanted.slice(equals + 1);
}
