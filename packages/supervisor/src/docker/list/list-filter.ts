import type { CallContext } from '@gantry/rpc';
import { type GantryError, invalidArgument, isErrorOf } from '@gantry/rpc';
import { ResolveRequest } from '@gantry/api/gantry/images/v1/images';
import { isRunning, stateOf } from '../../core/phases';
import type { DockerRecord } from '../records';
import { dockerStatus } from '../status';
import { checkFilterKeys, filterFlag, type FilterMap, filterValues, labelsMatch, patternFilter } from '../filters';
import type { Uses } from '../engine';
import { shownPorts } from '../inspect/inspect';
import { parsePort } from '../validate/validate-config';
import { mountsSeen } from '../update/plan-mounts';

type Needs = Uses<{ records: 'listDocker' | 'requireDocker'; images: 'resolve' }>;

const KEYS = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];
const STATUSES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const HEALTHS = ['none', 'starting', 'healthy', 'unhealthy'];

const wrong = (key: string, value: string, why: string): GantryError => invalidArgument(`invalid filter '${key}=${value}': ${why}`);

/** True for a container that passes. `alive` is false when a filter makes stopped ones visible without --all. */
export interface ListFilter {
  readonly matches: (record: DockerRecord) => boolean;
  readonly showsStopped: boolean;
}

/** docker's filters of a list. Values of one key are alternatives, but labels must all hold. Throws invalidArgument. */
export async function listFilter(engine: Needs, ctx: CallContext, filters: FilterMap): Promise<ListFilter> {
  checkFilterKeys(filters, KEYS);
  const values = (key: string): readonly string[] => filterValues(filters, key);
  const tests: ((record: DockerRecord) => boolean)[] = [({ docker }) => labelsMatch(docker.config?.Labels ?? {}, filters)];
  const any = (key: string, test: (value: string, record: DockerRecord) => boolean): void => {
    const wanted = values(key);
    if (wanted.length > 0) tests.push((record) => wanted.some((value) => test(value, record)));
  };

  for (const status of values('status'))
    if (!STATUSES.includes(status))
      throw wrong('status', status, `invalid value for state (${status}): must be one of ${STATUSES.join(', ')}`);
  any('status', (status, { docker }) => dockerStatus(docker) === status);
  for (const health of values('health'))
    if (!HEALTHS.includes(health))
      throw wrong('health', health, `invalid value for health (${health}): must be one of ${HEALTHS.join(', ')}`);
  any('health', (health, { docker }) => (docker.health?.Status ?? 'none') === health);
  for (const code of values('exited'))
    if (!/^-?\d+$/.test(code)) throw wrong('exited', code, `strconv.Atoi: parsing "${code}": invalid syntax`);
  any('exited', (code, { docker }) => !isRunning(docker) && stateOf(docker).startedAt !== '' && stateOf(docker).exitCode === BigInt(code));
  any('id', (prefix, { id }) => id.startsWith(prefix));
  const named = patternFilter(filters, 'name');
  tests.push(({ docker }) => named(docker.name, `/${docker.name}`));
  any('volume', (wanted, { docker }) =>
    mountsSeen(docker).some((mount) => mount.name === wanted || mount.destination === wanted || mount.source === wanted),
  );
  any('network', (wanted, { docker }) =>
    Object.entries(docker.endpoints).some(
      ([name, settings]) => name === wanted || (settings.NetworkID !== '' && settings.NetworkID.startsWith(wanted)),
    ),
  );
  const ports = (key: string) => values(key).map((text) => portTest(key, text));
  const [published, exposed] = [ports('publish'), ports('expose')];
  // Only what has ports now, as inspect shows them; one of both keys is enough.
  if (published.length + exposed.length > 0)
    tests.push(({ docker }) =>
      Object.entries(shownPorts(docker)).some(
        ([name, { items }]) =>
          exposed.some((test) => test(name)) ||
          items.some(({ HostPort }) => published.some((test) => test(`${HostPort}/${name.split('/')[1] ?? 'tcp'}`))),
      ),
    );
  if (filterFlag(filters, 'is-task') === true) tests.push(() => false);
  any('isolation', (wanted, { docker }) => wanted === (docker.hostConfig?.Isolation || 'default'));

  if (values('before').length + values('since').length > 0) {
    const place = new Map(engine.records.listDocker().map(({ id }, index) => [id, index]));
    const indexOf = (key: 'before' | 'since'): number | undefined => {
      const [ref] = values(key);
      return ref === undefined ? undefined : place.get(engine.records.requireDocker(ref).id);
    };
    const [before, since] = [indexOf('before'), indexOf('since')];
    if (before !== undefined) tests.push(({ id }) => (place.get(id) ?? Infinity) < before);
    if (since !== undefined) tests.push(({ id }) => (place.get(id) ?? -1) > since);
  }

  if (values('ancestor').length > 0) {
    const ids = new Set((await Promise.all(values('ancestor').map((ref) => imageIds(engine, ctx, ref)))).flat());
    const made = await madeFrom(engine, ctx, ids);
    tests.push(({ docker }) => made.has(docker.imageId) || values('ancestor').includes(docker.config?.Image ?? ''));
  }
  return {
    matches: (record) => tests.every((test) => test(record)),
    showsStopped: ['status', 'exited'].some((key) => values(key).length > 0),
  };
}

/** Images of containers that are one of these, or were made from one, step by step. */
async function madeFrom(engine: Needs, ctx: CallContext, ids: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const found = new Set<string>(ids);
  const others = new Set<string>();
  for (const { docker } of ids.size === 0 ? [] : engine.records.listDocker()) {
    const way: string[] = [];
    for (let id = docker.imageId; id !== '' && !others.has(id) && !way.includes(id); id = await parentOf(engine, ctx, id)) {
      way.push(id);
      if (found.has(id)) break;
    }
    const into = found.has(way.at(-1) ?? '') ? found : others;
    for (const id of way) into.add(id);
  }
  return found;
}

/** Empty for an image that was not made from another one, or is gone. */
async function parentOf(engine: Needs, ctx: CallContext, ref: string): Promise<string> {
  try {
    return (await engine.images.resolve(ctx, ResolveRequest.create({ ref }))).image?.parent ?? '';
  } catch (error) {
    if (isErrorOf(error, 'notFound', 'invalidArgument')) return '';
    throw error;
  }
}

/** The image's id, and what containers of older stores have for it. */
async function imageIds(engine: Needs, ctx: CallContext, ref: string): Promise<string[]> {
  try {
    const { image } = await engine.images.resolve(ctx, ResolveRequest.create({ ref }));
    return image === undefined ? [] : [image.id, image.configDigest];
  } catch (error) {
    if (isErrorOf(error, 'notFound', 'invalidArgument')) return [];
    throw error;
  }
}

/** `80`, `80/udp`, `8000-8010/tcp`. */
function portTest(key: string, text: string): (name: string) => boolean {
  const [range = '', protocol = 'tcp'] = text.split('/');
  const wrong = range.split('-').find((number) => !/^[0-9]+$/.test(number));
  if (wrong !== undefined)
    throw invalidArgument(`error while looking up for ${key} ${text}: strconv.ParseUint: parsing "${wrong}": invalid syntax`);
  const [first = '', last = first] = range.split('-');
  const [from, to] = [parsePort(`${first}/${protocol}`).port, parsePort(`${last}/${protocol}`).port];
  return (name) => {
    const found = parsePort(name);
    return found.protocol === protocol && found.port >= from && found.port <= to;
  };
}
