import { Container } from '@gantry/api/gantry/engine/v1/record';
import { newContext } from '@gantry/rpc';
import { Phase, phaseOf } from '../../core/phases';
import { pauseContainer, unpauseContainer } from './pause';

/** One container in a phase, and what was done to it: all that the verbs need. */
function one(phase: Phase, whilePausing: () => void = () => undefined) {
  let docker = Container.fromPartial({ name: 'web', state: { phase } });
  const done: string[] = [];
  const moveTo = (next: Phase): void => {
    docker = { ...docker, state: { ...(docker.state ?? ({} as never)), phase: next } };
  };
  const engine: Parameters<typeof pauseContainer>[0] = {
    records: {
      dockerNamespace: 'gantry',
      requireDocker: () => ({ id: 'c', docker }),
      transaction: (fn) => fn(),
      updateDocker: (id, change) => ({ id, docker: (docker = change(docker)) }),
    },
    tasks: {
      pause: async (ctx, { id }) => {
        done.push(`freeze ${ctx.namespace}/${id}`);
        whilePausing();
      },
      resume: async (ctx, { id }) => void done.push(`thaw ${ctx.namespace}/${id}`),
    },
    events: {
      emit: ({ action }) => {
        done.push(action);
        return undefined as never;
      },
    },
    queues: { run: (_id, operation) => operation() },
  };
  return { engine, done, moveTo, phase: () => phaseOf(docker) };
}

it('freezes a running container and tells it, and thaws it again', async () => {
  const { engine, done, phase } = one(Phase.PHASE_RUNNING);
  await pauseContainer(engine, newContext(), { id: 'web' });
  expect([phase(), done]).toEqual([Phase.PHASE_PAUSED, ['freeze gantry/c', 'pause']]);
  await unpauseContainer(engine, newContext(), { id: 'web' });
  expect([phase(), done.slice(2)]).toEqual([Phase.PHASE_RUNNING, ['thaw gantry/c', 'unpause']]);
});

it.each([
  [Phase.PHASE_PAUSED, 'is already paused'],
  [Phase.PHASE_RESTARTING, 'is restarting'],
  [Phase.PHASE_EXITED, 'is not running'],
])('refuses one in phase %i', async (phase, message) => {
  const { engine, done } = one(phase);
  await expect(pauseContainer(engine, newContext(), { id: 'web' })).rejects.toThrow(message);
  expect(done).toEqual([]);
});

it('lets an end stand that came while it was frozen', async () => {
  const race = one(Phase.PHASE_RUNNING, () => race.moveTo(Phase.PHASE_EXITED));
  await pauseContainer(race.engine, newContext(), { id: 'web' });
  expect(race.phase()).toBe(Phase.PHASE_EXITED);
});
