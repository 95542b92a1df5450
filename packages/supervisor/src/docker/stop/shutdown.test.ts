import { StartRequest, StopRequest } from '@gantry/api/gantry/engine/v1/containers';
import { newContext } from '@gantry/rpc';
import { Phase, phaseOf } from '../../core/phases';
import { createRequest, fakeEngine, FakeWorld } from '../../testing/fake-engine';
import { createContainer } from '../create/create';
import { reconcile } from '../recover/reconcile';
import { stopContainers } from './shutdown';
import { stopContainer } from './stop';
import { startContainer } from '../start/start';

const signalsOf = (kill: { mock: { calls: unknown[][] } }): unknown[] =>
  kill.mock.calls.map(([, request]) => (request as { signal: number }).signal);

it('stops containers with the host, each with its signal; policies start them again at boot', async () => {
  const world = new FakeWorld();
  let engine = fakeEngine(world);
  try {
    const make = async (name: string, change: Parameters<typeof createRequest>[0]): Promise<string> => {
      const { id } = await createContainer(engine, newContext(), createRequest({ name, ...change }));
      await startContainer(engine, newContext(), StartRequest.create({ id }));
      return id;
    };
    const kept = await make('kept', { hostConfig: { RestartPolicy: { Name: 'unless-stopped' } }, config: { StopSignal: 'SIGQUIT' } });
    const plain = await make('plain', {});
    const kill = jest.spyOn(world.tasks, 'kill');
    await stopContainers(engine);
    await engine.queues.drain();
    expect(signalsOf(kill).sort()).toEqual([15, 3]);
    const stateOf = (id: string): unknown[] => {
      const { docker } = engine.records.requireDocker(id);
      return [phaseOf(docker), docker.state?.exitCode, docker.state?.manuallyStopped];
    };
    expect(stateOf(kept)).toEqual([Phase.PHASE_RESTARTING, 131n, false]);
    expect(stateOf(plain)).toEqual([Phase.PHASE_EXITED, 143n, false]);
    expect([...world.sandboxes]).toEqual([]);

    engine.records.close();
    engine = fakeEngine(world, { bootId: 'boot-2' });
    await reconcile(engine);
    expect([stateOf(kept)[0], stateOf(plain)[0]]).toEqual([Phase.PHASE_RUNNING, Phase.PHASE_EXITED]);
  } finally {
    engine.life.restarter.stop();
    engine.records.close();
    world.destroy();
  }
});

it.each([
  [false, Phase.PHASE_RUNNING],
  [true, Phase.PHASE_EXITED],
])('starts what always runs and a user stopped with the next engine, unless containers live without it: %s', async (liveRestore, next) => {
  const world = new FakeWorld();
  let engine = fakeEngine(world, { liveRestore });
  try {
    const stopped = async (Name: string): Promise<string> => {
      const { id } = await createContainer(engine, newContext(), createRequest({ hostConfig: { RestartPolicy: { Name } } }));
      await startContainer(engine, newContext(), StartRequest.create({ id }));
      await stopContainer(engine, newContext(), StopRequest.create({ id }));
      await engine.queues.drain();
      return id;
    };
    const [always, unless] = [await stopped('always'), await stopped('unless-stopped')];
    engine.records.close();
    engine = fakeEngine(world, { liveRestore });
    await reconcile(engine);
    const phases = [always, unless].map((id) => phaseOf(engine.records.requireDocker(id).docker));
    expect(phases).toEqual([next, Phase.PHASE_EXITED]);
  } finally {
    engine.life.restarter.stop();
    engine.records.close();
    world.destroy();
  }
});
