import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OCI_SPEC_TYPE_URL, packAny, packJson, timestampNow, unpackAny } from '@gantry/api';
import { CheckpointOptions, Options } from '@gantry/api/containerd/runc/v1/runc';
import { Container, ContainersService } from '@gantry/api/containerd/services/containers/v1/containers';
import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { EventsService as TtrpcEventsService } from '@gantry/api/containerd/services/events/ttrpc/v1/events';
import { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import { ImagesService } from '@gantry/api/containerd/services/images/v1/images';
import { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { IntrospectionService } from '@gantry/api/containerd/services/introspection/v1/introspection';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { CreateTaskRequest, TasksService } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { RuntimeInfo, RuntimeRequest, Sandbox } from '@gantry/api/containerd/types/types';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { Any } from '@gantry/api/google/protobuf/any';
import {
  alreadyExists,
  type CallContext,
  connect,
  connectTtrpc,
  type Connection,
  createServer,
  createTtrpcServer,
  newContext,
  notImplemented,
  type RpcServer,
  silentLogger,
} from '@gantry/rpc';
import { Envelopes } from '../core/events';
import { Database, openRecords, type Records, VIEW_EXTENSION } from '../core/records';
import { BUILT_IN_RUNTIMES, RuntimeTable } from '../core/runtimes';
import { openSandboxes, type Sandboxes } from '../core/sandboxes';
import { FakeTasks } from '../testing/fake-tasks';
import { addTtrpcFace } from './events/events-service';
import { publishRecordChanges } from './events/record-events';
import { addContainerdFace } from './face';

let dir: string;
let records: Records;
let sandboxes: Sandboxes;
let tasks: FakeTasks;
let envelopes: Envelopes;
let leases: Map<string, string[]>;
let removed: string[];
let connection: Connection;
let images: Connection;
let servers: RpcServer[];

const inNamespace = (namespace: string): CallContext => newContext({ namespace });
const ctx = inNamespace('default');

async function fakeImages(path: string): Promise<void> {
  const server = createServer({ logger: silentLogger });
  const no = async (): Promise<never> => {
    throw notImplemented('not in this fake');
  };
  server.addService(LeasesService, {
    create: async (_ctx, { id, labels }) => {
      if (leases.has(id)) throw alreadyExists(`lease ${id}`);
      leases.set(id, []);
      return { lease: { id, labels, createdAt: undefined } };
    },
    delete: async (_ctx, { id }) => (leases.delete(id), {}),
    addResource: async (_ctx, { id, resource }) => (leases.get(id)?.push(`${resource?.type} ${resource?.id}`), {}),
    list: no,
    deleteResource: no,
    listResources: no,
  });
  const snapshots = Object.fromEntries(Object.keys(SnapshotsService).map((name) => [name, no]));
  server.addService(SnapshotsService, {
    ...(snapshots as never as Parameters<typeof server.addService<typeof SnapshotsService>>[1]),
    mounts: async (_ctx, { key }) => ({ mounts: [{ type: 'bind', source: `/snapshots/${key}`, target: '', options: ['rbind', 'rw'] }] }),
    async *list() {
      /* none */
    },
  });
  const imagesFake = Object.fromEntries(Object.keys(ImagesService).map((name) => [name, no]));
  server.addService(ImagesService, {
    ...(imagesFake as never as Parameters<typeof server.addService<typeof ImagesService>>[1]),
    list: async () => ({ images: [] }),
  });
  const view = Object.fromEntries(Object.keys(ImagesServiceService).map((name) => [name, no]));
  server.addService(ImagesServiceService, {
    ...(view as never as Parameters<typeof server.addService<typeof ImagesServiceService>>[1]),
    getInfo: async () => ({ snapshotter: 'overlayfs', snapshotters: ['copy', 'overlayfs'], data: '', proxies: undefined }),
  });
  const content = Object.fromEntries(Object.keys(ContentService).map((name) => [name, no]));
  server.addService(ContentService, {
    ...(content as never as Parameters<typeof server.addService<typeof ContentService>>[1]),
    async *list() {
      /* none */
    },
  });
  await server.listen(path);
  servers.push(server);
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'face-'));
  servers = [];
  leases = new Map();
  removed = [];
  await fakeImages(join(dir, 'images.sock'));
  images = connect(join(dir, 'images.sock'));
  const db = new Database(':memory:');
  records = openRecords(db);
  sandboxes = openSandboxes(db);
  records.namespaces.create('gantry', {});
  tasks = new FakeTasks();
  envelopes = new Envelopes();
  publishRecordChanges(records, envelopes);
  const server = createServer({ logger: silentLogger, defaultNamespace: '' });
  addContainerdFace(server, {
    records,
    engineNamespace: 'gantry',
    sandboxes,
    tasks,
    envelopes,
    runtimes: new RuntimeTable(BUILT_IN_RUNTIMES, 'gantry'),
    docker: {
      removeFromContainerd: async (_ctx, id) => {
        removed.push(id);
        records.delete('gantry', id);
      },
    },
    images,
    shim: images,
    runRoot: dir,
    uuid: 'c0ffee',
    build: { version: '1.2.3', revision: 'abc' },
    here: dir,
    bootId: 'boot',
  });
  await server.listen(join(dir, 'supervisor.sock'));
  servers.push(server);
  connection = connect(join(dir, 'supervisor.sock'));
});

afterEach(async () => {
  connection.close();
  images.close();
  for (const server of servers) await server.stop(100);
  records.close();
  rmSync(dir, { recursive: true });
});

const web = (change: Partial<Container> = {}): Container =>
  Container.fromPartial({
    id: 'web',
    image: 'docker.io/library/web:1',
    runtime: { name: 'io.containerd.runc.v2', options: packAny(Options, Options.fromPartial({})) },
    spec: packJson(OCI_SPEC_TYPE_URL, { ociVersion: '1.0.2' }),
    snapshotter: 'overlayfs',
    snapshotKey: 'web-snapshot',
    labels: { tier: 'front', 'a.b/c': 'd' },
    ...change,
  });

describe('namespaces', () => {
  test('are made, labelled, listed and deleted; the engine keeps its own', async () => {
    const client = connection.client(NamespacesService);
    await client.create(ctx, { namespace: { name: 'one', labels: { x: 'y' } } });
    await expect(client.create(ctx, { namespace: { name: 'one', labels: {} } })).rejects.toMatchObject({ kind: 'alreadyExists' });
    await expect(client.create(ctx, { namespace: { name: 'a b', labels: {} } })).rejects.toMatchObject({ kind: 'invalidArgument' });
    await client.update(ctx, { namespace: { name: 'one', labels: { z: '1' } }, updateMask: ['labels.z'] });
    expect((await client.list(ctx, { filter: '' })).namespaces).toEqual([
      { name: 'gantry', labels: {} },
      { name: 'one', labels: { x: 'y', z: '1' } },
    ]);
    await client.delete(ctx, { name: 'one' });
    await expect(client.delete(ctx, { name: 'one' })).rejects.toMatchObject({ kind: 'notFound', message: 'namespace "one": not found' });
    await expect(client.delete(ctx, { name: 'gantry' })).rejects.toMatchObject({ kind: 'failedPrecondition' });
  });

  test('one that nobody made has no labels, and is made by the first label that it is given', async () => {
    const client = connection.client(NamespacesService);
    expect(await client.get(ctx, { name: 'new' })).toEqual({ namespace: { name: 'new', labels: {} } });
    expect((await client.list(ctx, { filter: 'name==new' })).namespaces).toEqual([]);
    await client.update(ctx, { namespace: { name: 'new', labels: { a: 'b' } }, updateMask: ['labels.a'] });
    expect((await client.list(ctx, { filter: 'name==new' })).namespaces).toEqual([{ name: 'new', labels: { a: 'b' } }]);
    await client.update(ctx, { namespace: { name: 'other', labels: { a: 'b', c: '' } }, updateMask: [] });
    expect(await client.get(ctx, { name: 'other' })).toEqual({ namespace: { name: 'other', labels: { a: 'b' } } });
    await expect(client.update(ctx, { namespace: { name: 'a b', labels: {} }, updateMask: [] })).rejects.toMatchObject({
      kind: 'invalidArgument',
    });
  });

  test('a call without one is refused', async () => {
    await expect(connection.client(LeasesService).list(inNamespace(''), { filters: [] })).rejects.toMatchObject({
      kind: 'failedPrecondition',
    });
    await expect(connection.client(ContainersService).list(inNamespace(''), { filters: [] })).rejects.toMatchObject({
      kind: 'failedPrecondition',
      message: expect.stringContaining('namespace is required'),
    });
  });
});

test('a namespace comes to be with the first object in it, also one of the images service', async () => {
  await connection.client(LeasesService).create(inNamespace('fresh'), { id: 'l1', labels: {} });
  expect((await connection.client(NamespacesService).get(ctx, { name: 'fresh' })).namespace).toEqual({ name: 'fresh', labels: {} });
  expect(leases.has('l1')).toBe(true);
});

describe('containers', () => {
  test('are stored under a lease, filtered, updated by mask and deleted', async () => {
    const client = connection.client(ContainersService);
    const { container } = await client.create(ctx, { container: web() });
    expect(container?.createdAt).toBeDefined();
    expect([...leases]).toEqual([['gantry.container.web', ['snapshots/overlayfs web-snapshot']]]);
    await expect(client.create(ctx, { container: web() })).rejects.toMatchObject({ kind: 'alreadyExists' });
    expect(leases.has('gantry.container.web')).toBe(true);
    const ids = async (filters: string[]): Promise<string[]> => (await client.list(ctx, { filters })).containers.map(({ id }) => id);
    expect(await ids(['labels.tier==front'])).toEqual(['web']);
    expect(await ids(['id~=^x'])).toEqual([]);
    await expect(ids(['id='])).rejects.toMatchObject({ kind: 'invalidArgument' });

    const masked = await client.update(ctx, { container: web({ labels: { 'a.b/c': 'e' }, image: 'other' }), updateMask: ['labels.a.b/c'] });
    expect(masked.container).toMatchObject({ labels: { tier: 'front', 'a.b/c': 'e' }, image: 'docker.io/library/web:1' });
    await expect(client.update(ctx, { container: web({ snapshotter: 'native' }), updateMask: [] })).rejects.toMatchObject({
      kind: 'invalidArgument',
    });
    await expect(client.update(ctx, { container: web(), updateMask: ['snapshotter'] })).rejects.toMatchObject({
      message: expect.stringContaining('cannot update "snapshotter"'),
    });

    await client.delete(ctx, { id: 'web' });
    expect(leases.size).toBe(0);
    await expect(client.get(ctx, { id: 'web' })).rejects.toMatchObject({ message: 'container "web" in namespace "default": not found' });
  });

  test('a docker container is removed by docker, and its extension cannot be forged', async () => {
    const client = connection.client(ContainersService);
    const own = inNamespace('gantry');
    const extension = { [VIEW_EXTENSION]: { typeUrl: VIEW_EXTENSION, value: Buffer.alloc(0) } };
    await expect(client.create(own, { container: web({ extensions: extension }) })).rejects.toMatchObject({ kind: 'invalidArgument' });
    records.create('gantry', web({ extensions: extension }));
    await expect(connection.client(TasksService).create(own, CreateTaskRequest.fromPartial({ containerId: 'web' }))).rejects.toMatchObject({
      kind: 'failedPrecondition',
    });
    await client.delete(own, { id: 'web' });
    expect(removed).toEqual(['web']);
  });
});

describe('tasks', () => {
  test('live through create, start, exec, kill, wait and delete', async () => {
    await connection.client(ContainersService).create(ctx, { container: web() });
    const client = connection.client(TasksService);
    const { pid } = await client.create(ctx, CreateTaskRequest.fromPartial({ containerId: 'web', stdout: '/fifo/out' }));
    const [request] = tasks.created;
    const bundle = join(dir, 'tasks/default/web');
    expect(request).toMatchObject({ id: 'web', bundle, stdout: '/fifo/out', rootfs: [{ source: '/snapshots/web-snapshot' }] });
    expect(unpackAny(request?.options, CreateOptions)).toMatchObject({ driver: 'native', binary: '' });
    expect(JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))).toEqual({ ociVersion: '1.0.2' });

    expect(await client.start(ctx, { containerId: 'web', execId: '' })).toEqual({ pid });
    expect((await client.list(ctx, { filter: '' })).tasks).toMatchObject([{ id: 'web', pid, status: Status.RUNNING }]);
    await expect(connection.client(ContainersService).delete(ctx, { id: 'web' })).rejects.toMatchObject({ kind: 'failedPrecondition' });
    await client.exec(ctx, { containerId: 'web', execId: 'e1', stdin: '', stdout: '', stderr: '', terminal: false, spec: undefined });
    expect((await client.get(ctx, { containerId: 'web', execId: 'e1' })).process).toMatchObject({
      containerId: 'web',
      id: 'e1',
      status: Status.CREATED,
    });
    expect((await client.metrics(ctx, { filters: ['id==web'] })).metrics).toMatchObject([{ id: 'web' }]);

    const exit = client.wait(ctx, { containerId: 'web', execId: '' });
    await client.kill(ctx, { containerId: 'web', execId: '', signal: 9, all: false });
    expect(await exit).toMatchObject({ exitStatus: 137 });
    expect(await client.delete(ctx, { containerId: 'web' })).toMatchObject({ id: 'web', exitStatus: 137 });
    expect(existsSync(bundle)).toBe(false);
    await expect(client.get(ctx, { containerId: 'web', execId: '' })).rejects.toMatchObject({ kind: 'notFound' });
    await expect(client.get(ctx, { containerId: 'none', execId: '' })).rejects.toMatchObject({
      message: 'container "none" in namespace "default": not found',
    });
  });

  test.each([
    [{ binaryName: '/bin/sh' }, { driver: 'oci', binary: '/bin/sh' }],
    [{ binaryName: 'gantry' }, { driver: 'native', binary: '' }],
    ...(existsSync('/usr/sbin/runc') ? [[{ binaryName: 'runc' }, { driver: 'oci', binary: '/usr/sbin/runc' }] as [object, object]] : []),
    [
      {
        binaryName: '/bin/sh',
        root: '/r',
        noPivotRoot: true,
        noNewKeyring: true,
        systemdCgroup: true,
        ioUid: 7,
        ioGid: 8,
        criuWorkPath: '/w',
        shimCgroup: '/c',
      },
      {
        shimCgroup: '/c',
        runtimeRoot: '/r',
        noPivotRoot: true,
        noNewKeyring: true,
        systemdCgroup: true,
        ioUid: 7,
        ioGid: 8,
        criuWorkPath: '/w',
      },
    ],
    [{ root: '/r' }, { driver: '', binary: '', runtimeRoot: '/r' }],
  ])('runc options %j choose a driver', async (options, wanted) => {
    const runtime = { name: 'io.containerd.runc.v2', options: packAny(Options, Options.fromPartial(options)) };
    await connection.client(ContainersService).create(ctx, { container: web({ runtime }) });
    await connection.client(TasksService).create(ctx, CreateTaskRequest.fromPartial({ containerId: 'web' }));
    expect(unpackAny(tasks.created[0]?.options, CreateOptions)).toMatchObject(wanted);
  });

  test('a task of a container in a sandbox is made while that is ready', async () => {
    await connection.client(ContainersService).create(ctx, { container: web({ sandbox: 'pod' }) });
    const client = connection.client(TasksService);
    const make = () => client.create(ctx, CreateTaskRequest.fromPartial({ containerId: 'web' }));
    await expect(make()).rejects.toMatchObject({ kind: 'notFound' });
    sandboxes.create('default', Sandbox.fromPartial({ sandboxId: 'pod' }));
    await expect(make()).rejects.toMatchObject({ kind: 'failedPrecondition' });
    sandboxes.move('default', 'pod', 'ready');
    await make();
  });

  test('a runtime path that the task names wins over the runtime of its container', async () => {
    await connection.client(ContainersService).create(ctx, { container: web() });
    await connection.client(TasksService).create(ctx, CreateTaskRequest.fromPartial({ containerId: 'web', runtimePath: '/bin/sh' }));
    expect(unpackAny(tasks.created[0]?.options, CreateOptions)).toMatchObject({ driver: 'containerd-shim', binary: '/bin/sh' });
  });

  test('a checkpoint goes to the directory that is named, and a task is restored from one; others go to the images service', async () => {
    const runtime = { name: 'io.containerd.runc.v2', options: packAny(Options, Options.fromPartial({ criuImagePath: '/from' })) };
    await connection.client(ContainersService).create(ctx, { container: web({ runtime }) });
    const client = connection.client(TasksService);
    await client.create(ctx, CreateTaskRequest.fromPartial({ containerId: 'web' }));
    expect(tasks.created[0]?.checkpoint).toBe('/from');
    const options = packAny(CheckpointOptions, CheckpointOptions.fromPartial({ imagePath: '/to', exit: true }));
    expect(await client.checkpoint(ctx, { containerId: 'web', parentCheckpoint: '', options })).toEqual({ descriptors: [] });
    expect(tasks.checkpoints).toEqual(['/to']);
    await expect(client.checkpoint(ctx, { containerId: 'web', parentCheckpoint: '', options: undefined })).rejects.toMatchObject({
      message: 'not in this fake',
    });
    await expect(client.checkpoint(ctx, { containerId: 'nobody', parentCheckpoint: '', options })).rejects.toMatchObject({
      kind: 'notFound',
    });
  });

  test('an option that would change what runs is refused by name and leaves no bundle', async () => {
    const runtime = { name: 'io.containerd.runc.v2', options: packAny(Options, Options.fromPartial({ taskApiVersion: 3 })) };
    await connection.client(ContainersService).create(ctx, { container: web({ runtime }) });
    await expect(connection.client(TasksService).create(ctx, CreateTaskRequest.fromPartial({ containerId: 'web' }))).rejects.toMatchObject({
      kind: 'notImplemented',
      message: expect.stringContaining('TaskApiVersion'),
    });
    expect(existsSync(join(dir, 'tasks/default/web'))).toBe(false);
  });
});

test('events of records reach a subscriber that filters by topic', async () => {
  const stream = connection.client(EventsService).subscribe(ctx, { filters: ['topic~=^/containers/'] });
  await stream.opened;
  await connection.client(ContainersService).create(ctx, { container: web() });
  await connection.client(ContainersService).delete(ctx, { id: 'web' });
  const topics: string[] = [];
  for await (const { topic, namespace } of stream) {
    topics.push(`${namespace} ${topic}`);
    if (topics.length === 2) break;
  }
  expect(topics).toEqual(['default /containers/create', 'default /containers/delete']);
});

test('a runtime is asked what it is: a shim by -info, a binary by features; what is no question for it is refused', async () => {
  const client = connection.client(IntrospectionService);
  const task = { type: 'io.containerd.runtime.v2', id: 'task' };
  const ask = async (runtimePath: string, options?: Any): Promise<RuntimeInfo | undefined> =>
    unpackAny((await client.pluginInfo(ctx, { ...task, options: packAny(RuntimeRequest, { runtimePath, options }) })).extra, RuntimeInfo);
  const program = (name: string, text: string): string => {
    writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return join(dir, name);
  };
  const runc = program('runc-like', `[ "$*" = features ] && echo '{"mountOptions":["rro"]}'`);
  const options = packAny(Options, Options.fromPartial({ binaryName: runc }));
  const info = await ask('io.containerd.runc.v2', options);
  expect(info).toMatchObject({ name: 'io.containerd.runc.v2', version: { version: '1.2.3', revision: 'abc' }, options });
  expect(info?.features?.typeUrl).toBe('types.containerd.io/opencontainers/runtime-spec/1/features/Features');
  expect(JSON.parse(info?.features?.value.toString() ?? '')).toEqual({ mountOptions: ['rro'] });
  const old = packAny(Options, Options.fromPartial({ binaryName: program('old-runc', 'exit 1') }));
  expect((await ask('io.containerd.runc.v2', old))?.features).toBeUndefined();

  writeFileSync(join(dir, 'told'), RuntimeInfo.encode(RuntimeInfo.fromPartial({ name: 'a.shim' })).finish());
  const shim = program('shim', `[ "$*" = -info ] && cat > ${join(dir, 'heard')} && cat ${join(dir, 'told')}`);
  expect(await ask(shim, options)).toMatchObject({ name: 'a.shim' });
  expect(readFileSync(join(dir, 'heard')).equals(Any.encode(options).finish())).toBe(true);

  await expect(client.pluginInfo(ctx, { ...task, options })).rejects.toMatchObject({ kind: 'notImplemented' });
  await expect(client.pluginInfo(ctx, { type: 'io.containerd.gc.v1', id: 'scheduler', options })).rejects.toMatchObject({
    kind: 'notImplemented',
  });
});

test('events that are forwarded over ttrpc reach the subscribers', async () => {
  const server = createTtrpcServer({ logger: silentLogger });
  addTtrpcFace(server, envelopes);
  await server.listen(join(dir, 'supervisor.sock.ttrpc'));
  const small = await connectTtrpc(join(dir, 'supervisor.sock.ttrpc'));
  const stream = connection.client(EventsService).subscribe(ctx, { filters: ['topic=="/tasks/oom"'] });
  await stream.opened;
  const envelope = { timestamp: timestampNow(), namespace: 'other', topic: '/tasks/oom', event: undefined };
  await small.client(TtrpcEventsService).forward(ctx, { envelope });
  await expect(small.client(TtrpcEventsService).forward(ctx, { envelope: { ...envelope, topic: 'x' } })).rejects.toMatchObject({
    kind: 'invalidArgument',
  });
  for await (const one of stream) {
    expect(one).toMatchObject({ namespace: 'other', topic: '/tasks/oom' });
    break;
  }
  small.close();
  await server.stop(100);
});

test('introspection names the snapshotter, the runtime and the server', async () => {
  const client = connection.client(IntrospectionService);
  const { plugins } = await client.plugins(ctx, { filters: ['type==io.containerd.snapshotter.v1'] });
  expect(plugins.map(({ id }) => id)).toEqual(['overlayfs', 'copy']);
  expect(await client.server(ctx, {})).toMatchObject({ uuid: 'c0ffee', pid: BigInt(process.pid) });
});
