import type { DockerContainer, DockerRecord } from '../records';

/** How far another container must be before one is started. */
export type Condition = 'started' | 'healthy' | 'completed';

export interface Dependency {
  readonly id: string;
  readonly condition: Condition;
}

const PROJECT = 'com.docker.compose.project';
const SERVICE = 'com.docker.compose.service';
const DEPENDS_ON = 'com.docker.compose.depends_on';
const CONDITIONS: Readonly<Record<string, Condition>> = {
  service_started: 'started',
  service_healthy: 'healthy',
  service_completed_successfully: 'completed',
};

/** What containers wait for when several are started at once: compose's own labels, links, and namespaces and volumes of others. Nothing waits for itself, or in a circle. */
export function startOrder(records: readonly DockerRecord[]): ReadonlyMap<string, readonly Dependency[]> {
  const order = new Map(records.map((record) => [record.id, dependenciesOf(record, records)]));
  for (const id of order.keys()) cutCircles(order, id, [], new Set());
  return order;
}

function dependenciesOf({ id, docker }: DockerRecord, records: readonly DockerRecord[]): Dependency[] {
  const found = [...byCompose(docker, records), ...byReference(docker, records)].filter((each) => each.id !== id);
  // The strongest word on each counts: compose's come first.
  return found.filter((each, at) => found.findIndex((other) => other.id === each.id) === at);
}

/** `db:service_healthy:false,cache:service_started:true`: services of the same project, all containers of each. */
function byCompose({ config }: DockerContainer, records: readonly DockerRecord[]): Dependency[] {
  const labels = config?.Labels ?? {};
  const project = labels[PROJECT];
  if (project === undefined) return [];
  return (labels[DEPENDS_ON] ?? '').split(',').flatMap((entry) => {
    const [service = '', condition = ''] = entry.split(':');
    if (service === '') return [];
    return records
      .filter(({ docker }) => docker.config?.Labels[PROJECT] === project && docker.config.Labels[SERVICE] === service)
      .map(({ id }) => ({ id, condition: CONDITIONS[condition] ?? 'started' }));
  });
}

function byReference({ hostConfig: host }: DockerContainer, records: readonly DockerRecord[]): Dependency[] {
  const modes = [host?.NetworkMode, host?.IpcMode, host?.PidMode].flatMap((mode) =>
    mode?.startsWith('container:') === true ? [mode.slice('container:'.length)] : [],
  );
  const named = [...(host?.Links ?? []), ...(host?.VolumesFrom ?? [])].map((text) => (text.split(':')[0] ?? '').replace(/^\//, ''));
  return [...modes, ...named].flatMap((ref) => {
    const other = records.find(({ id, docker }) => id === ref || docker.name === ref);
    return other === undefined ? [] : [{ id: other.id, condition: 'started' as const }];
  });
}

/** Takes away what leads from a container back to one on the way to it. */
function cutCircles(order: Map<string, Dependency[]>, id: string, way: readonly string[], done: Set<string>): void {
  if (done.has(id)) return;
  const here = [...way, id];
  const kept = (order.get(id) ?? []).filter((each) => !here.includes(each.id));
  order.set(id, kept);
  for (const each of kept) cutCircles(order, each.id, here, done);
  done.add(id);
}
