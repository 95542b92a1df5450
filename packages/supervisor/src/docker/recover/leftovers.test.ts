import { StartRequest } from '@gantry/api/gantry/engine/v1/containers';
import { newContext } from '@gantry/rpc';
import { Phase, phaseOf } from '../../core/phases';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../../testing/fake-engine';
import { createContainer } from '../create/create';
import { startContainer } from '../start/start';
import { reconcile } from './reconcile';

let world: FakeWorld;
let engine: FakeEngine;
beforeEach(() => {
  world = new FakeWorld();
  engine = fakeEngine(world, { liveRestore: false });
});
afterEach(() => {
  engine.life.restarter.stop();
  engine.stopPersisting();
  engine.records.close();
  world.destroy();
});

const run = async (name: string, change: Parameters<typeof createRequest>[0] = {}): Promise<string> => {
  const { id } = await createContainer(engine, newContext(), createRequest({ name, ...change }));
  await startContainer(engine, newContext(), StartRequest.create({ id }));
  return id;
};
/** The engine is killed, and another one begins. */
const again = async (liveRestore: boolean): Promise<void> => {
  engine.records.close();
  world.tasks.onKill = () => undefined; // the shim's events are not listened to yet
  engine = fakeEngine(world, { liveRestore });
  world.tasks.onKill = () => undefined;
  await reconcile(engine);
};
const stateOf = (id: string): unknown[] => {
  const { docker } = engine.records.requireDocker(id);
  return [phaseOf(docker), docker.state?.exitCode, docker.state?.manuallyStopped];
};

test('containers of an engine that was killed do not outlive it without live-restore', async () => {
  const plain = await run('plain', { config: { StopSignal: 'SIGQUIT' } });
  const always = await run('always', { hostConfig: { RestartPolicy: { Name: 'always' } } });
  const pid = engine.records.requireDocker(always).docker.state?.pid;
  await again(false);
  expect(stateOf(plain)).toEqual([Phase.PHASE_EXITED, 131n, false]);
  expect(engine.told).toContain('container kill plain');
  for (let i = 0; i < 1000 && stateOf(always)[0] !== Phase.PHASE_RUNNING; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(stateOf(always)[0]).toBe(Phase.PHASE_RUNNING);
  expect(engine.records.requireDocker(always).docker.state?.pid).not.toBe(pid);
});

test('one that hears no signal is killed after its own time-out', async () => {
  const deaf = await run('deaf', { config: { StopTimeout: 0n } });
  const kill = world.tasks.kill;
  world.tasks.kill = async (ctx, request) => {
    if (request.signal === 9) await kill(ctx, request);
  };
  await again(false);
  expect(stateOf(deaf)).toEqual([Phase.PHASE_EXITED, 137n, false]);
});

test('with live-restore they go on', async () => {
  const kept = await run('kept');
  const kill = jest.spyOn(world.tasks, 'kill');
  await again(true);
  expect(stateOf(kept)[0]).toBe(Phase.PHASE_RUNNING);
  expect(kill).not.toHaveBeenCalled();
});
