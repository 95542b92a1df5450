import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Sandbox } from '@gantry/api/containerd/types/types';
import { type ListedContainer, ListRequest, StartRequest, WaitRequest } from '@gantry/api/gantry/engine/v1/containers';
import { ContainerSummary } from '@gantry/api/gantry/engine/v1/types';
import { parseJson } from '@gantry/oci';
import { internal, newContext, notFound } from '@gantry/rpc';
import { Phase, phaseOf } from '../core/phases';
import { openSandboxes } from '../core/sandboxes';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../testing/fake-engine';
import { createContainer } from './create/create';
import { inspectContainer } from './inspect/inspect';
import { killContainer } from './stop/kill';
import { listContainers } from './list/list';
import { summaries } from './list/summaries';
import { reconcile } from './recover/reconcile';
import { removeContainer } from './remove/remove';
import { renameContainer } from './update/rename';
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
  engine.records.close();
  world.destroy();
});

const create = async (change: Parameters<typeof createRequest>[0] = {}): Promise<string> =>
  (await createContainer(engine, newContext(), createRequest(change))).id;
const start = (id: string): Promise<unknown> => startContainer(engine, newContext(), StartRequest.create({ id }));
const remove = (id: string, force = false, volumes = false): Promise<unknown> =>
  removeContainer(engine, newContext(), { id, force, volumes, link: false });
const phase = (id: string): Phase | undefined => {
  const record = engine.records.getDocker(id);
  return record === undefined ? undefined : phaseOf(record.docker);
};
const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await engine.queues.drain();
  }
};
const reaches = async (id: string, wanted: Phase): Promise<void> => {
  for (let i = 0; i < 2000 && phase(id) !== wanted; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(phase(id)).toBe(wanted);
};
const nothingIsLeft = async (): Promise<void> => {
  for (let i = 0; i < 1000 && engine.journal.open().length > 0; i++) await settle(); // what follows behind the answer of a removal
  expect([...world.snapshots]).toEqual([]);
  expect([...world.leases]).toEqual([]);
  expect([...world.sandboxes]).toEqual([]);
  expect(world.tasks.ids).toEqual([]);
  expect(engine.journal.open()).toEqual([]);
};

it('creates, starts, ends and removes', async () => {
  const id = await create({ name: 'web', hostConfig: { PortBindings: { '80/tcp': { items: [{ HostPort: '8080' }] } } } });
  expect(phase(id)).toBe(Phase.PHASE_CREATED);
  await start('web');
  const { container } = await inspectContainer(engine, newContext(), { id: 'web', size: false });
  expect(container?.State).toMatchObject({ Status: 'running', Running: true, Pid: 1000n });
  expect(container?.NetworkSettings?.Ports).toEqual({ '80/tcp': { items: [{ HostIp: '0.0.0.0', HostPort: '8080' }] } });
  expect(readFileSync(join(world.root, 'data/containers', id, 'hosts'), 'utf8')).toContain(`172.17.0.2\t${id.slice(0, 12)}\n`);
  await expect(start(id)).rejects.toMatchObject({ kind: 'notModified' });
  await expect(remove(id)).rejects.toMatchObject({ kind: 'conflict', message: expect.stringContaining('container is running') as string });
  engine.exit(id, 3);
  await settle();
  expect(phase(id)).toBe(Phase.PHASE_EXITED);
  expect(world.sandboxes.size).toBe(0);
  await remove('web');
  await nothingIsLeft();
  expect(engine.told.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    'container create',
    'network connect',
    'container start',
    'network disconnect',
    'container die',
    'container destroy',
  ]);
});

describe('a container that was a step of a build', () => {
  const id = 'ab'.repeat(32);
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: 'sha256:1', size: 1n, annotations: {} };
  const step = (change: object = {}) => ({
    step: { id, startedAt: '2026-01-01T00:00:00Z', finishedAt: '2026-01-01T00:00:01Z', exitCode: 3n, layer, ...change },
  });

  it('has its id, its end and what it wrote, and is told to nobody until it is started', async () => {
    expect(await create(step())).toBe(id);
    expect(world.calls.filter((call) => /^(prepare|apply) /.test(call))).toEqual([`prepare ${id}`, 'apply sha256:1']);
    const { container } = await inspectContainer(engine, newContext(), { id, size: false });
    expect(container?.State).toMatchObject({ Status: 'exited', ExitCode: 3n, FinishedAt: '2026-01-01T00:00:01Z' });
    expect(engine.told).toEqual([]);
    await start(id);
    expect(phase(id)).toBe(Phase.PHASE_RUNNING);
    engine.exit(id, 0);
    await settle();
    await remove(id);
    await nothingIsLeft();
  });

  it('is only created where it never ran, and leaves nothing where its layer cannot be laid', async () => {
    await create(step({ startedAt: '', finishedAt: '', exitCode: 127n, layer: undefined }));
    expect(phase(id)).toBe(Phase.PHASE_CREATED);
    await expect(create(step())).rejects.toMatchObject({ kind: 'conflict' });
    await expect(create(step({ id: 'ab' }))).rejects.toMatchObject({ kind: 'invalidArgument' });
    await remove(id);
    world.failures.set('apply', internal('no room'));
    await expect(create(step())).rejects.toThrow('no room');
    await nothingIsLeft();
  });
});

it('keeps names apart and says whose they are', async () => {
  const id = await create({ name: 'one' });
  await expect(create({ name: '/one' })).rejects.toMatchObject({
    kind: 'conflict',
    message: `Conflict. The container name "/one" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  });
  await expect(create({ name: 'a/b' })).rejects.toMatchObject({
    kind: 'invalidArgument',
    message: 'Invalid container name (a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed',
  });
  await renameContainer(engine, newContext(), { id: 'one', name: 'two' });
  await create({ name: 'one' });
  await expect(renameContainer(engine, newContext(), { id: 'two', name: 'one' })).rejects.toMatchObject({ kind: 'conflict' });
  expect(world.leases.size).toBe(2);
});

it('answers an unknown image so that the client pulls it', async () => {
  await expect(create({ config: { Image: 'nosuch' } })).rejects.toMatchObject({
    kind: 'notFound',
    message: 'No such image: nosuch:latest',
  });
  await settle();
  await nothingIsLeft();
});

it.each(['prepare', 'createVolume', 'addReference', 'populate'])('undoes a create whose %s fails', async (verb) => {
  world.failures.set(verb, internal('broken'));
  await expect(create({ name: 'xx', hostConfig: { Binds: ['vol:/data', '/anonymous'] } })).rejects.toThrow('broken');
  await settle();
  await nothingIsLeft();
  expect(engine.records.names.holder('xx')).toBeUndefined();
  expect([...world.volumes.values()].every((users) => users.size === 0)).toBe(true);
});

it('answers a repeated operation id with the first result', async () => {
  const ctx = newContext();
  const [first, second] = await Promise.all([createContainer(engine, ctx, createRequest()), createContainer(engine, ctx, createRequest())]);
  expect(second).toEqual(first);
  const again = fakeEngine(world);
  expect(await createContainer(again, ctx, createRequest())).toMatchObject({ id: first.id });
  const named = async (name: string): Promise<string> => (await createContainer(again, ctx, createRequest({ name }))).id;
  const ids = [await named('one'), await named('two'), await named('/two')]; // one id for several is several operations
  expect(new Set([first.id, ...ids]).size).toBe(3);
  expect(ids[2]).toBe(ids[1]);
  again.records.close();
});

it('removes a container with --rm at its end, and tells who waits for that', async () => {
  const id = await create({ hostConfig: { AutoRemove: true, Binds: ['/anonymous', 'kept:/kept'] } });
  const waiting = waitContainer(engine, newContext(), WaitRequest.create({ id, condition: 'removed' }));
  expect((await waiting.next()).value).toMatchObject({ registered: true });
  await start(id);
  engine.exit(id, 42);
  expect((await waiting.next()).value).toMatchObject({ statusCode: 42n });
  expect(engine.records.getDocker(id)).toBeUndefined();
  await settle();
  await nothingIsLeft();
  expect([...world.volumes.keys()]).toEqual(['kept']);
});

it('starts a container on mounts of any kind: its users are looked up by the service of its snapshot', async () => {
  world.mounts = ['erofs', 'overlay'].map((type) => ({ type, source: `/layers/${type}`, target: '', options: ['ro'] }));
  const id = await create({ config: { Image: 'busybox', User: 'app' } });
  await start(id);
  const spec = engine.records.get('gantry', id)?.spec;
  expect(parseJson(Buffer.from(spec?.value ?? []).toString())).toMatchObject({ process: { user: { uid: 500, gid: 600 } } });
});

it('applies an end that comes before the start has finished', async () => {
  const id = await create();
  const began = world.tasks.start;
  world.tasks.start = async (ctx, request) => {
    const answer = await began(ctx, request);
    engine.exit(id, 0);
    return answer;
  };
  await start(id);
  await settle();
  expect(phase(id)).toBe(Phase.PHASE_EXITED);
});

it.each([
  ['no_program', 127, 'invalidArgument'],
  ['program_refused', 126, 'invalidArgument'],
  ['internal', 128, 'internal'],
])('undoes a start that fails with %s', async (launch, exitCode, kind) => {
  const id = await create({ config: { Image: 'busybox', Cmd: { items: ['nosuch'] } } });
  world.tasks.start = async () => {
    throw internal('OCI runtime create failed: why', { meta: { launch, reason: 'why' } });
  };
  await expect(start(id)).rejects.toMatchObject({
    kind,
    message: expect.stringMatching(/OCI runtime create failed: why: unknown$/) as string,
  });
  expect(world.tasks.ids).toEqual([]);
  expect(world.sandboxes.size).toBe(0);
  const { container } = await inspectContainer(engine, newContext(), { id, size: false });
  expect(container?.State).toMatchObject({ Status: 'created', ExitCode: BigInt(exitCode) });
});

it('removes a --rm container whose start fails', async () => {
  const id = await create({ hostConfig: { AutoRemove: true } });
  world.failures.set('connect', internal('port is already allocated'));
  await expect(start(id)).rejects.toThrow('failed to set up container networking: port is already allocated');
  expect(engine.records.getDocker(id)).toBeUndefined();
  await settle();
  await nothingIsLeft();
});

it('restarts by policy with a growing count, and not after a stop', async () => {
  const id = await create({ hostConfig: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 1n } } });
  await start(id);
  engine.exit(id, 1);
  expect(phase(id)).toBe(Phase.PHASE_RESTARTING);
  await reaches(id, Phase.PHASE_RUNNING);
  expect(engine.records.requireDocker(id).docker.state?.restartCount).toBe(1n);
  engine.exit(id, 1);
  await settle();
  expect(phase(id)).toBe(Phase.PHASE_EXITED);

  const always = await create({ hostConfig: { RestartPolicy: { Name: 'always' } } });
  await start(always);
  await stopContainer(engine, newContext(), { id: always, signal: '', timeout: 1 });
  expect(phase(always)).toBe(Phase.PHASE_EXITED);
  await restartContainer(engine, newContext(), { id: always, signal: '', timeout: 0 });
  expect(phase(always)).toBe(Phase.PHASE_RUNNING);
});

it('stops a container that waits for its restart', async () => {
  const id = await create({ hostConfig: { RestartPolicy: { Name: 'always' } } });
  await start(id);
  engine.exit(id, 0);
  await stopContainer(engine, newContext(), { id, signal: '', timeout: undefined });
  expect(phase(id)).toBe(Phase.PHASE_EXITED);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(phase(id)).toBe(Phase.PHASE_EXITED);
});

it('kills only what runs', async () => {
  const id = await create();
  await expect(killContainer(engine, newContext(), { id, signal: '' })).rejects.toMatchObject({
    kind: 'conflict',
    message: expect.stringContaining('is not running') as string,
  });
  await start(id);
  await expect(killContainer(engine, newContext(), { id, signal: 'NOPE' })).rejects.toMatchObject({ kind: 'invalidArgument' });
  await killContainer(engine, newContext(), { id, signal: 'KILL' });
  expect(engine.records.requireDocker(id).docker.state?.exitCode).toBe(137n);
});

it('removes a running container only by force', async () => {
  const id = await create();
  await start(id);
  await remove(id, true);
  await nothingIsLeft();
});

describe('a new process', () => {
  const crash = (): void => {
    engine.life.restarter.stop();
    engine.records.close();
    engine = fakeEngine(world);
  };

  it('undoes a create that was cut short', async () => {
    const input = {
      id: 'c'.repeat(64),
      name: 'half',
      snapshotter: 'overlayfs',
      parent: '',
      imageDigest: '',
      volumes: [{ name: 'anon', anonymous: true }],
    };
    engine.journal.begin('create', input.id, input, () => engine.records.names.reserve('half', input.id));
    world.snapshots.add(input.id);
    world.leases.add(`gantry.container.${input.id}`);
    world.volumes.set('anon', new Set([input.id]));
    crash();
    await reconcile(engine);
    await nothingIsLeft();
    expect(world.volumes.size).toBe(0);
    expect(engine.records.names.holder('half')).toBeUndefined();
  });

  it('undoes a start that was cut short', async () => {
    const id = await create();
    const reached = Promise.withResolvers<void>();
    world.tasks.start = () => {
      reached.resolve();
      return new Promise(() => undefined);
    };
    start(id).catch(reached.reject);
    await reached.promise;
    expect(phase(id)).toBe(Phase.PHASE_STARTING);
    crash();
    await reconcile(engine);
    expect(phase(id)).toBe(Phase.PHASE_CREATED);
    expect(world.tasks.ids).toEqual([]);
    expect(world.sandboxes.size).toBe(0);
    expect(engine.journal.open()).toEqual([]);
  });

  it('applies ends that it missed, and leaves the living alone', async () => {
    const [alive, ended, gone, rm] = [await create(), await create(), await create(), await create({ hostConfig: { AutoRemove: true } })];
    for (const id of [alive, ended, gone, rm]) await start(id);
    world.tasks.end(engine.ctx, ended, 7);
    world.tasks.end(engine.ctx, rm, 0);
    world.tasks.end(engine.ctx, gone, 0);
    await world.tasks.delete(engine.ctx, { id: gone });
    crash();
    await reconcile(engine);
    await settle();
    expect(phase(alive)).toBe(Phase.PHASE_RUNNING);
    expect(engine.records.requireDocker(ended).docker.state).toMatchObject({ exitCode: 7n, phase: Phase.PHASE_EXITED });
    expect(engine.records.requireDocker(gone).docker.state).toMatchObject({ exitCode: 255n, phase: Phase.PHASE_EXITED });
    expect(engine.records.getDocker(rm)).toBeUndefined();
  });

  it('tells of an end that was written and told to nobody, once, and of what it left', async () => {
    const [id, told] = [await create({ name: 'untold' }), await create({ name: 'told' })];
    for (const each of [id, told]) await start(each);
    engine.exit(told, 3);
    await settle();
    const { releaseSandbox } = engine.network;
    Object.assign(engine.network, { releaseSandbox: () => new Promise(() => undefined) });
    engine.exit(id, 7);
    expect(phase(id)).toBe(Phase.PHASE_EXITED);
    crash();
    Object.assign(engine.network, { releaseSandbox });
    await reconcile(engine);
    expect(engine.told).toEqual(['network disconnect bridge', 'container die untold']);
    crash();
    await reconcile(engine);
    expect(engine.told).toEqual([]);
  });

  it('tells the network of the sandboxes of other faces beside its own', async () => {
    const id = await create();
    await start(id);
    const sandboxes = openSandboxes(engine.db);
    sandboxes.create('k8s.io', Sandbox.fromPartial({ sandboxId: 'pod' }));
    sandboxes.move('k8s.io', 'pod', 'ready', { netnsPath: '/run/netns/pod', bootId: 'boot-1' });
    crash();
    await reconcile(engine);
    expect(world.calls).toContain(`reconcile ${id} pod`);
  });

  it('after a reboot counts what ran as exited with 255 and starts what the policy says', async () => {
    const plain = await create();
    const always = await create({ hostConfig: { RestartPolicy: { Name: 'always' } } });
    const stopped = await create({ hostConfig: { RestartPolicy: { Name: 'unless-stopped' } } });
    for (const id of [plain, always, stopped]) await start(id);
    await stopContainer(engine, newContext(), { id: stopped, signal: '', timeout: 0 });
    await stopContainer(engine, newContext(), { id: always, signal: '', timeout: 0 });
    for (const id of [plain]) world.tasks.end(engine.ctx, id, 0);
    engine.records.close();
    engine = fakeEngine(world, { bootId: 'boot-2' });
    await reconcile(engine);
    await settle();
    expect(engine.records.requireDocker(plain).docker.state).toMatchObject({ exitCode: 255n, phase: Phase.PHASE_EXITED });
    expect(phase(always)).toBe(Phase.PHASE_RUNNING);
    expect(phase(stopped)).toBe(Phase.PHASE_EXITED);
  });

  it('goes on with a removal', async () => {
    const id = await create();
    engine.records.updateDocker(id, (docker) => ({
      ...docker,
      state: { ...(docker.state ?? ({} as never)), phase: Phase.PHASE_REMOVING },
    }));
    crash();
    await reconcile(engine);
    await settle();
    await nothingIsLeft();
    expect(existsSync(join(world.root, 'data/containers', id))).toBe(false);
  });
});

it('lists newest first, running only unless told, and filters', async () => {
  const a = await create({ name: 'aa', config: { Image: 'busybox', Labels: { tier: 'front' } } });
  const b = await create({ name: 'bb' });
  await start(a);
  const list = async (change: Partial<ListRequest>): Promise<string[]> =>
    (await summaries(engine, newContext(), change)).map(({ Id }) => Id);
  expect(await list({})).toEqual([a]);
  expect(await list({ all: true })).toEqual([b, a]);
  expect(await list({ limit: 1 })).toEqual([b]);
  expect(await list({ filters: { status: { values: ['created'] } } })).toEqual([b]);
  expect(await list({ all: true, filters: { label: { values: ['tier=front'] } } })).toEqual([a]);
  expect(await list({ all: true, filters: { name: { values: ['^b+$'] } } })).toEqual([b]);
  expect(await list({ filters: { network: { values: ['bridge'] } } })).toEqual([a]);
  expect(await list({ filters: { before: { values: ['bb'] } } })).toEqual([a]);
  await expect(list({ filters: { nope: { values: ['x'] } } })).rejects.toThrow("invalid filter 'nope'");
});

it('gives a row of a list a new number when something of it changes, and only then', async () => {
  const target = await create({ name: 'target' });
  const other = await create({ name: 'other', hostConfig: { NetworkMode: 'bridge', Links: ['target:db'] } });
  let looked: Parameters<typeof listContainers>[0] = engine;
  const rows = async (): Promise<Map<string, ListedContainer>> => {
    const all = new Map<string, ListedContainer>();
    for await (const { containers, known } of listContainers(looked, newContext(), ListRequest.create({ all: true }))) {
      expect(known).toBe(2);
      for (const one of containers) all.set(ContainerSummary.decode(one.summary).Id, one);
    }
    return all;
  };
  const changed = async (change: () => unknown): Promise<string[]> => {
    const before = await rows();
    await change();
    const after = await rows();
    const numbers = [...before.values(), ...after.values()].map(({ row }) => row);
    const ids = [...after].filter(([id, { row }]) => before.get(id)?.row !== row).map(([id]) => id);
    expect(new Set(numbers).size).toBe(before.size + ids.length);
    for (const id of [target, other]) if (!ids.includes(id)) expect(after.get(id)?.summary).toEqual(before.get(id)?.summary);
    return ids;
  };
  expect(await changed(() => undefined)).toEqual([]);
  expect(await changed(() => start(target))).toEqual([target]);
  expect(await changed(() => renameContainer(engine, newContext(), { id: other, name: 'renamed' }))).toEqual([other, target]);
  const gone = Promise.reject(notFound('no such image'));
  gone.catch(() => undefined);
  const images = { ...engine.images, resolve: () => gone };
  expect(await changed(() => void (looked = { ...engine, images }))).toEqual([other, target]);
});

it('lists more containers than one part holds, in their order', async () => {
  const id = await create();
  const record = engine.records.requireDocker(id);
  const many = Array.from({ length: 1300 }, (_, index) => ({ id: String(index), docker: { ...record.docker, name: `n${index}` } }));
  const over = { ...engine, records: { ...engine.records, listDocker: () => many } };
  const listed = await summaries(over, newContext(), { all: true });
  expect(listed.map(({ Id }) => Id)).toEqual(many.map((one) => one.id).reverse());
  expect(listed[0]).toMatchObject({ Names: ['/n1299'], Status: 'Created', State: 'created' });
});

it('starts, stops and removes one container a hundred times at once without locking up', async () => {
  const id = await create();
  const verbs = [
    () => start(id),
    () => stopContainer(engine, newContext(), { id, signal: '', timeout: 0 }),
    () => killContainer(engine, newContext(), { id, signal: '' }),
    () => restartContainer(engine, newContext(), { id, signal: '', timeout: 0 }),
  ];
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, (_, index) => (verbs[index % verbs.length] as () => Promise<unknown>)()),
  );
  for (const result of results)
    if (result.status === 'rejected')
      expect(['conflict', 'notModified', 'failedPrecondition']).toContain((result.reason as { kind: string }).kind);
  await remove(id, true);
  await settle();
  await nothingIsLeft();
});
