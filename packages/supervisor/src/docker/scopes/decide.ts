import { forbidden } from '@gantry/rpc';
import type { DockerRecord } from '../records';
import { checkContained } from './contained';
import type { Scope } from './scope';
import { isReading, isShared } from './verbs';

/** What a decision looks at beside the request. */
export interface ScopeNeeds {
  /** Throws notFound. */
  readonly container: (ref: string) => DockerRecord;
  /** Container of an exec; undefined when it is not known. */
  readonly execContainer: (execId: string) => string | undefined;
}

/** A call as it was parsed. */
export interface Asked {
  readonly verb: string;
  readonly request: unknown;
}

type Values = Readonly<Record<string, { readonly values: readonly string[] }>>;

/** Verbs whose answers are narrowed to the labels, of those that take filters. */
const NARROWED = new Set(['containers.list', 'containers.prune', 'system.events']);
const OF_EXEC = new Set([
  'containers.execStart',
  'containers.execReady',
  'containers.execInspect',
  'containers.execResize',
  'containers.execKill',
]);
/** Second halves of others, which stand for both. */
const PARTS: Readonly<Record<string, string>> = {
  'containers.attachReady': 'containers.attach',
  'containers.execReady': 'containers.execStart',
};
/** Names an attach that was allowed, by an id that only its caller knows. */
const OF_ATTACH = 'containers.attachReady';
/** Makes an image, which has no scope. */
const TO_IMAGES = 'containers.commit';

/** An update may ask for what verbs of their own do. */
const WITHIN_UPDATE = {
  publish: 'containers.publish',
  unpublish: 'containers.unpublish',
  setEnv: 'containers.setEnvironment',
  unsetEnv: 'containers.setEnvironment',
  binds: 'containers.mount',
  mounts: 'containers.mount',
  unmount: 'containers.unmount',
} as const;

function within({ verb, request }: Asked): readonly string[] {
  if (verb !== 'containers.update') return [];
  const given = request as { readonly [member in keyof typeof WITHIN_UPDATE]?: object };
  const members = Object.keys(WITHIN_UPDATE) as (keyof typeof WITHIN_UPDATE)[];
  return [...new Set(members.filter((member) => Object.keys(given[member] ?? {}).length > 0).map((member) => WITHIN_UPDATE[member]))];
}

/** The request as it may be made. Throws forbidden that names socket and verb. */
export function decide(needs: ScopeNeeds, scope: Scope, { verb, request }: Asked): unknown {
  const refuse = (why: string): never => {
    throw forbidden(`socket ${scope.name}: ${verb} is refused: ${why}`);
  };
  for (const more of within({ verb, request })) decide(needs, scope, { verb: more, request });
  const meant = PARTS[verb] ?? verb;
  const named = scope.verbs.includes(meant);
  if (scope.readOnly && !isReading(meant)) return refuse('the socket is read-only');
  if (scope.verbs.length > 0 && !named && !scope.verbs.includes(`${meant.split('.')[0] ?? ''}.*`))
    return refuse('it is not among the verbs of the socket');
  if (Object.keys(scope.labels).length === 0 || isShared(verb)) return request;
  const words = Object.entries(scope.labels).map(([key, value]) => `${key}=${value}`);
  const {
    containerId,
    filters,
    id = containerId ?? '',
  } = request as { readonly id?: string; readonly containerId?: string; readonly filters?: Values };

  const reach = (ref: string): void => {
    const labels = needs.container(ref).docker.config?.Labels ?? {};
    if (Object.entries(scope.labels).some(([key, value]) => labels[key] !== value))
      refuse(`container ${ref} does not have ${words.join(', ')}`);
  };
  if (NARROWED.has(verb)) {
    const asked = filters?.['label']?.values ?? [];
    return { ...(request as object), filters: { ...filters, label: { values: [...asked, ...words] } } };
  }
  if (verb === 'containers.create') {
    checkContained(request as Parameters<typeof checkContained>[0], scope.labels, { refuse, reach });
    return request;
  }
  if (verb === OF_ATTACH) return request;
  if (OF_EXEC.has(verb)) {
    const container = needs.execContainer(id);
    if (container === undefined) return refuse(`no exec ${id} is in its scope`);
    reach(container);
    return request;
  }
  if (verb.startsWith('containers.') && verb !== TO_IMAGES) {
    if (verb === 'containers.execCreate' && (request as { readonly privileged?: boolean }).privileged === true)
      return refuse('a privileged process reaches beyond the container');
    // As in HostConfig of one that is made.
    if (verb === 'containers.mount') return refuse('a mount reaches beyond the container');
    reach(id);
    return request;
  }
  // Labels do not say whose images, networks, volumes and builds are.
  if (named && containerId !== undefined && containerId !== '') reach(containerId);
  return named ? request : refuse('labels do not tell its objects apart; name the verb to allow it');
}
