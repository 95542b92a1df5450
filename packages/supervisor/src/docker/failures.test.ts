import { StartRequest, CommitRequest, WaitRequest } from '@gantry/api/gantry/engine/v1/containers';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { conflict, deadlineExceeded, internal, newContext, unavailable } from '@gantry/rpc';
import { Phase, phaseOf, stateOf } from '../core/phases';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../testing/fake-engine';
import { commitContainer } from './commit/changes';
import { createContainer } from './create/create';
import { reconcile } from './recover/reconcile';
import { removeContainer } from './remove/remove';
import { startContainer } from './start/start';
import { restartContainer, stopContainer } from './stop/stop';
import { waitContainer } from './stop/wait';

let world: FakeWorld;
let engine: FakeEngine;

beforeEach(() => {
  world = new FakeWorld();
  engine = fakeEngine(world);
});
afterEach(() => {
  engine.life.restarter.stop();
  engine.stopPersisting();
  engine.records.close();
  world.destroy();
});

const create = async (change: Parameters<typeof createRequest>[0] = {}): Promise<string> =>
  (await createContainer(engine, newContext(), createRequest(change))).id;
const start = (id: string): Promise<unknown> => startContainer(engine, newContext(), StartRequest.create({ id }));
const run = async (change: Parameters<typeof createRequest>[0] = {}): Promise<string> => {
  const id = await create(change);
  await start(id);
  return id;
};
const remove = (id: string, volumes = false): Promise<unknown> =>
  removeContainer(engine, newContext(), { id, force: true, volumes, link: false });
const stop = (id: string): Promise<unknown> => stopContainer(engine, newContext(), { id, signal: '', timeout: 0 });
const phase = (id: string): Phase | undefined => {
  const record = engine.records.getDocker(id);
  return record === undefined ? undefined : phaseOf(record.docker);
};
const until = async (done: () => boolean): Promise<void> => {
  for (let i = 0; i < 1000 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(done()).toBe(true);
};
/** Puts another method in a fake's place. */
const instead = <T extends object, K extends keyof T>(client: T, name: K, method: T[K]): void =>
  void Object.assign(client, { [name]: method });
const nothingIsLeft = async (): Promise<void> => {
  await until(() => engine.journal.open().length === 0); // what follows behind the answer of a removal
  expect([[...world.snapshots], [...world.leases], [...world.sandboxes], world.tasks.ids, engine.journal.open()]).toEqual([
    [],
    [],
    [],
    [],
    [],
  ]);
};

test('a lease that was taken by a call whose answer was lost is given back', async () => {
  const { create: take } = engine.leases;
  instead(engine.leases, 'create', async (ctx, request) => {
    await take(ctx, request);
    throw unavailable('Connection dropped');
  });
  await expect(create()).rejects.toThrow('Connection dropped');
  await until(() => world.leases.size === 0);
  await nothingIsLeft();
});

test('a named volume whose mount was accepted is there after the refusal of the next one, as docker has it', async () => {
  const refused = create({ hostConfig: { Binds: ['one:/x', '/y', 'two:/x'] } });
  await expect(refused).rejects.toMatchObject({ kind: 'invalidArgument', message: 'Duplicate mount point: /x' });
  expect([...world.volumes.keys()]).toEqual(['one']);
  await nothingIsLeft();
  await expect(create({ hostConfig: { Binds: ['three:/x'], Mounts: [{ Type: 'nonsense', Target: '/z' }] } })).rejects.toMatchObject({
    kind: 'invalidArgument',
  });
  expect([...world.volumes.keys()]).toEqual(['one']);
});

describe('an end', () => {
  describe.each([
    ['at once', undefined],
    ['while the shim is away', unavailable('no connection')],
    ['while it is busy', internal('device or resource busy')],
  ])('that was written by a process which died before it took the task away', (when, failure) => {
    it(`leaves a container that can be started again (${when})`, async () => {
      const id = await run();
      const { delete: whole } = engine.tasks;
      const dies = new Promise<void>((resolve) =>
        instead(engine.tasks, 'delete', () => {
          resolve();
          return new Promise(() => undefined);
        }),
      );
      engine.exit(id, 0);
      await dies;
      expect(phase(id)).toBe(Phase.PHASE_EXITED);
      engine.stopPersisting();
      engine.records.close();
      engine = fakeEngine(world);
      let failures = failure === undefined ? 0 : 1;
      instead(engine.tasks, 'delete', async (...args) => {
        if (failures-- > 0) throw failure ?? internal('never');
        return whole(...args);
      });
      await reconcile(engine);
      if (failure?.kind === 'internal') await until(() => world.tasks.ids.length === 0);
      await start(id);
      expect(phase(id)).toBe(Phase.PHASE_RUNNING);
    });
  });

  it('whose writing fails is applied by the next try, and a --rm container that is restarted is kept', async () => {
    const id = await run({ hostConfig: { AutoRemove: true } });
    const { move } = engine.face;
    let failures = 1;
    engine.face.move = (...args) => {
      if (args[1] === Phase.PHASE_EXITED && failures-- > 0) throw internal('the disk is full');
      return move(...args);
    };
    world.tasks.onKill = () => {
      world.tasks.end(engine.ctx, id, 143);
      expect(() => engine.exit(id, 143)).toThrow('the disk is full');
      engine.exit(id, 143); // it is told again
    };
    await restartContainer(engine, newContext(), { id, signal: '', timeout: 5 });
    expect(phase(id)).toBe(Phase.PHASE_RUNNING);
  });

  it('gives its network back, however often the network service is away', async () => {
    const id = await run();
    world.failures.set('release', unavailable('network is away'));
    await stop(id);
    expect(world.sandboxes.size).toBe(0);
  });

  it('gives its network back later when the service refuses', async () => {
    const id = await run();
    world.failures.set('release', internal('busy'));
    await stop(id);
    await until(() => world.sandboxes.size === 0);
  });

  it('is waited for until the network is given back, whoever comes late', async () => {
    const id = await run();
    const gate = Promise.withResolvers<void>();
    const { releaseSandbox } = engine.network;
    instead(engine.network, 'releaseSandbox', async (ctx, request) => {
      await gate.promise;
      return releaseSandbox(ctx, request);
    });
    engine.exit(id, 0);
    const answered: string[] = [];
    const stopped = stop(id).then(
      () => answered.push('stop'),
      () => answered.push('not modified'),
    );
    const waited = (async () => {
      for await (const answer of waitContainer(engine, newContext(), WaitRequest.create({ id })))
        if (!answer.registered) answered.push('wait');
    })();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(answered).toEqual([]);
    gate.resolve();
    await Promise.all([stopped, waited]);
    expect(answered.sort()).toEqual(['not modified', 'wait']);
    expect(world.sandboxes.size).toBe(0);
  });
});

describe('a removal', () => {
  it('goes on through a service that is away for a moment', async () => {
    const id = await create();
    world.failures.set('removeSnapshot', unavailable('images is away'));
    await remove(id);
    await nothingIsLeft();
  });

  /** The first release of a volume fails. */
  const busyVolumes = (): void => {
    const { releaseReference } = engine.volumes;
    let failures = 1;
    instead(engine.volumes, 'releaseReference', async (ctx, request) => {
      if (failures-- > 0) throw internal('busy');
      return releaseReference(ctx, request);
    });
  };

  it('that failed is tried again until the container is gone', async () => {
    const id = await create({ config: { Volumes: { '/v': {} } } });
    busyVolumes();
    await expect(remove(id, true)).rejects.toThrow(/unable to remove container .*: busy/);
    expect(phase(id)).toBe(Phase.PHASE_DEAD);
    await until(() => phase(id) === undefined);
    await nothingIsLeft();
    expect(world.volumes.size).toBe(0);
  });

  it('that failed gives its name up to who wants it', async () => {
    const id = await create({ name: 'wanted', config: { Volumes: { '/v': {} } } });
    instead(engine.volumes, 'releaseReference', () => Promise.reject(internal('busy')));
    await expect(remove(id, true)).rejects.toThrow('busy');
    expect(engine.records.findDocker('wanted')?.id).toBe(id); // until somebody wants it
    const other = await create({ name: 'wanted' });
    expect([engine.records.findDocker('wanted')?.id, engine.records.getDocker(id)?.docker.name]).toEqual([
      other,
      `${id.slice(0, 12)}_wanted`,
    ]);
    await expect(create({ name: 'wanted' })).rejects.toThrow('already in use');
    expect(engine.records.names.holder(`${id.slice(0, 12)}_wanted`)).toBe(id);
  });

  it('that failed is finished by a new process, with its volumes', async () => {
    const id = await create({ config: { Volumes: { '/v': {} } } });
    busyVolumes();
    await expect(remove(id, true)).rejects.toThrow('busy');
    engine.stopPersisting();
    engine.records.close();
    engine = fakeEngine(world);
    await reconcile(engine);
    await until(() => phase(id) === undefined);
    await nothingIsLeft();
    expect(world.volumes.size).toBe(0);
  });

  it('whose files cannot go frees the name at once, and is finished behind the answer or by a new process', async () => {
    for (const crashes of [false, true]) {
      const id = await create({ name: 'again' });
      world.failures.set('removeSnapshot', internal('busy'));
      await remove(id);
      expect(phase(id)).toBeUndefined();
      expect(await create({ name: 'again' })).not.toBe(id);
      await remove('again');
      if (crashes) {
        await engine.queues.drain();
        engine.stopPersisting();
        engine.records.close();
        engine = fakeEngine(world);
        await reconcile(engine);
      }
      await nothingIsLeft();
    }
  });

  it('does not wait for the task of an ended container, which follows with the files', async () => {
    const id = await run();
    const gate = Promise.withResolvers<void>();
    const { delete: whole } = engine.tasks;
    instead(engine.tasks, 'delete', async (...args) => {
      await gate.promise;
      return whole(...args);
    });
    engine.exit(id, 0);
    await until(() => phase(id) === Phase.PHASE_EXITED);
    await remove(id);
    expect([phase(id), world.tasks.ids]).toEqual([undefined, [`gantry/${id}/`]]);
    expect(engine.journal.open().map(({ kind }) => kind)).toEqual(['discard']);
    gate.resolve();
    await nothingIsLeft();
  });

  it('whose task cannot go yet is finished by a new process', async () => {
    const id = await run();
    const { delete: whole } = engine.tasks;
    instead(engine.tasks, 'delete', () => Promise.reject(internal('device or resource busy')));
    engine.exit(id, 0);
    await until(() => phase(id) === Phase.PHASE_EXITED);
    await remove(id);
    expect(phase(id)).toBeUndefined();
    engine.stopPersisting();
    await engine.queues.drain();
    instead(engine.tasks, 'delete', whole);
    await reconcile(engine);
    await nothingIsLeft();
  });

  it('of a --rm container that failed at its end is tried again', async () => {
    const id = await run({ hostConfig: { AutoRemove: true }, config: { Volumes: { '/v': {} } } });
    busyVolumes();
    engine.exit(id, 0);
    await until(() => phase(id) === Phase.PHASE_DEAD);
    await until(() => phase(id) === undefined);
    await nothingIsLeft();
  });

  it('of a --rm container whose rest could not go is finished behind it', async () => {
    const id = await run({ hostConfig: { AutoRemove: true } });
    world.failures.set('removeSnapshot', internal('busy'));
    engine.exit(id, 0);
    await until(() => phase(id) === undefined && engine.journal.open().length === 0);
    await nothingIsLeft();
  });

  it('of a --rm container that was kept for its restart is done by a new process', async () => {
    const id = await run({ hostConfig: { AutoRemove: true }, config: { Volumes: { '/v': {} } } });
    engine.life.keepOnce(id);
    engine.exit(id, 0);
    await until(() => phase(id) === Phase.PHASE_EXITED);
    engine.stopPersisting();
    engine.records.close();
    engine = fakeEngine(world);
    await reconcile(engine);
    await until(() => phase(id) === undefined);
    await nothingIsLeft();
    expect(world.volumes.size).toBe(0);
  });

  it("does not hide the start's own error", async () => {
    const id = await create({ hostConfig: { AutoRemove: true } });
    world.failures.set('connect', internal('no address is left'));
    world.failures.set('removeSnapshot', internal('busy'));
    await expect(start(id)).rejects.toThrow(/no address is left/);
    await until(() => phase(id) === undefined);
    await nothingIsLeft();
  });
});

describe('a commit', () => {
  const commit = (id: string): Promise<unknown> => commitContainer(engine, newContext(), CommitRequest.fromPartial({ id, pause: true }));
  beforeEach(() => {
    Object.assign(engine.images, { commit: async () => ({ imageId: 'sha256:made', familiarName: '' }) });
  });

  it('whose pause lost to the end needs none', async () => {
    const id = await run();
    world.tasks.pause = async () => {
      world.tasks.end(engine.ctx, id, 0);
      throw conflict(`task ${id} is not running`);
    };
    await expect(commit(id)).resolves.toEqual({ id: 'sha256:made' });
    expect(engine.told.filter((line) => line.includes('pause'))).toEqual([]);
  });

  it('whose process or client goes away, or whose shim does, leaves no container paused', async () => {
    const id = await run();
    const status = async () => (await world.tasks.state(engine.ctx, { id })).status;
    const gate = Promise.withResolvers<object>();
    Object.assign(engine.images, { commit: () => gate.promise });
    const caller = new AbortController();
    const made = commitContainer(engine, newContext({ signal: caller.signal }), CommitRequest.fromPartial({ id, pause: true }));
    await until(() => engine.journal.open().length === 1);
    caller.abort();
    const { resume } = world.tasks;
    let failures = 7;
    world.tasks.resume = async (...args) => {
      if (failures-- > 0) throw unavailable('the shim is away');
      return resume(...args);
    };
    gate.reject(internal('cancelled'));
    await expect(made).rejects.toThrow('the shim is away');
    await until(() => engine.journal.open().length === 0);
    expect([await status(), phase(id)]).toEqual([Status.RUNNING, Phase.PHASE_RUNNING]);

    Object.assign(engine.images, { commit: () => new Promise(() => undefined) });
    void commit(id);
    await until(() => engine.told.at(-1)?.startsWith('container pause') === true);
    engine.stopPersisting();
    engine.records.close();
    engine = fakeEngine(world);
    await reconcile(engine);
    expect(phase(id)).toBe(Phase.PHASE_PAUSED);
    await until(() => engine.journal.open().length === 0);
    expect([await status(), phase(id)]).toEqual([Status.RUNNING, Phase.PHASE_RUNNING]);
    expect(engine.told.at(-1)).toMatch('container unpause');
  }, 30_000);

  it('tells why a living container cannot be paused', async () => {
    const id = await run();
    world.tasks.pause = async () => {
      throw conflict('the freezer is stuck');
    };
    await expect(commit(id)).rejects.toThrow('the freezer is stuck');
  });
});

it('a create ends when a service does not answer, and leaves nothing', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  try {
    instead(
      engine.images,
      'resolve',
      // As a client does: a call ends with its deadline.
      ({ deadline = Infinity }) =>
        new Promise((_resolve, reject) => setTimeout(() => reject(deadlineExceeded('no answer')), deadline - Date.now())),
    );
    const made = create();
    made.catch(() => undefined);
    await jest.advanceTimersByTimeAsync(29_000);
    expect(world.leases.size).toBe(1);
    await jest.advanceTimersByTimeAsync(2000);
    await expect(made).rejects.toMatchObject({ kind: 'deadlineExceeded' });
    expect(world.leases.size).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

it('a create whose caller goes away is made or undone, never left half done', async () => {
  const caller = new AbortController();
  const { prepare } = engine.snapshots;
  instead(engine.snapshots, 'prepare', async (ctx, request) => {
    caller.abort();
    ctx.signal.throwIfAborted();
    return prepare(ctx, request);
  });
  const { id } = await createContainer(engine, newContext({ signal: caller.signal }), createRequest());
  expect(phase(id)).toBe(Phase.PHASE_CREATED);
  expect(stateOf(engine.records.requireDocker(id).docker).error).toBe('');
});
