import { type CallContext, withTimeout } from '@gantry/rpc';
import { isRunning, Phase, phaseOf, stateOf } from '../../core/phases';
import type { Uses } from '../engine';
import type { DockerContainer } from '../records';
import { healthSettings } from '../health/health';
import { type Dependency, startOrder } from './start-order';

type Needs = Uses<{ records: 'getDocker' | 'listDocker'; events: 'subscribe'; logger: true }>;

/** Longest wait for a container that has no health check to tell how long it may take, and beside what it tells, milliseconds. */
const MOST_MS = 60_000;
/** Whatever a health check tells. */
const DAY_MS = 86_400_000;

/**
 * Starts containers that their policies start with the engine, each when what it depends on is so far. A dependency that fails, or that is not so
 * far in its time, holds nothing down: a policy says that the container runs. `start` starts one and answers when that is done or has failed. Resolves when
 * that is so of all that wait for nothing but the starts of others; those that wait for a health or an end go on behind.
 */
export async function startInOrder(
  engine: Needs,
  ctx: CallContext,
  ids: readonly string[],
  start: (id: string) => Promise<void>,
): Promise<void> {
  const order = startOrder(engine.records.listDocker());
  const starts = new Map<string, Promise<void>>();
  const started = (id: string): Promise<void> => {
    const present = starts.get(id);
    if (present !== undefined) return present;
    const dependencies = order.get(id) ?? [];
    const promise = Promise.all(dependencies.map((each) => ready(each)))
      .then(() => start(id))
      .catch((error: unknown) => engine.logger.error({ err: error, container: id }, 'going on with a container failed'));
    starts.set(id, promise);
    return promise;
  };
  const ready = async (dependency: Dependency): Promise<void> => {
    if (ids.includes(dependency.id)) await started(dependency.id);
    if (!(await reached(engine, ctx, dependency)))
      engine.logger.warn(
        { container: dependency.id, condition: dependency.condition },
        'a container is not so far as another one waits for',
      );
  };
  const soon = (id: string): boolean =>
    (order.get(id) ?? []).every((each) => each.condition === 'started' && (!ids.includes(each.id) || soon(each.id)));
  await Promise.all(ids.map((id) => (soon(id) ? started(id) : void started(id))));
}

/** Waits, for a bounded time, until a container is so far. Answers whether it is. */
async function reached(engine: Needs, ctx: CallContext, { id, condition }: Dependency): Promise<boolean> {
  const look = (): boolean | undefined => stands(engine.records.getDocker(id)?.docker, condition);
  const { signal: most } = withTimeout(ctx, patience(engine.records.getDocker(id)?.docker));
  const changes = engine.events.subscribe({ filters: { type: { values: ['container'] }, container: { values: [id] } } }, most);
  try {
    const now = look();
    if (now !== undefined) return now;
    for await (const _event of changes.events) {
      const then = look();
      if (then !== undefined) return then;
    }
    return false;
  } finally {
    changes.close();
  }
}

/** Whether a container is so far, or will not be any more; undefined: it is on its way. */
function stands(docker: DockerContainer | undefined, condition: Dependency['condition']): boolean | undefined {
  if (docker === undefined) return false;
  const runs = isRunning(docker);
  switch (condition) {
    case 'started':
      return runs; // its start has been tried
    case 'completed':
      if (runs || phaseOf(docker) === Phase.PHASE_RESTARTING) return undefined;
      return stateOf(docker).startedAt !== '' && stateOf(docker).exitCode === 0n;
    case 'healthy':
      if (!runs) return phaseOf(docker) === Phase.PHASE_RESTARTING ? undefined : false;
      if (docker.health === undefined) return false;
      return docker.health.Status === 'starting' ? undefined : docker.health.Status === 'healthy';
  }
}

function patience(docker: DockerContainer | undefined): number {
  const health = healthSettings(docker?.config?.Healthcheck, []);
  if (health === undefined) return MOST_MS;
  return Math.min(MOST_MS + health.startPeriod + (health.interval + health.timeout) * health.retries, DAY_MS);
}
