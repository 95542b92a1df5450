import { OCI_SPEC_TYPE_URL, packJson } from '@gantry/api';
import type { ControllerService, StoreService } from '@gantry/api/containerd/services/sandbox/v1/sandbox';
import type { Holder } from '@gantry/api/gantry/shim/v1/shim';
import { Sandbox } from '@gantry/api/containerd/types/types';
import { type CallContext, type Handlers, newContext } from '@gantry/rpc';
import { Envelopes } from '../../core/events';
import { Database, openRecords } from '../../core/records';
import { BUILT_IN_RUNTIMES, RuntimeTable } from '../../core/runtimes';
import { openSandboxes } from '../../core/sandboxes';
import { sandboxControllerHandlers } from './controller';
import { endSandboxesOfEarlierBoots } from './reboot';
import { sandboxStoreHandlers } from './store';

let db: Database;
let needs: Parameters<typeof sandboxControllerHandlers>[0] & Parameters<typeof sandboxStoreHandlers>[0];
let store: Handlers<typeof StoreService>;
let controller: Handlers<typeof ControllerService>;
let topics: string[];
let held: Holder | undefined;
const ctx: CallContext = newContext({ namespace: 'pods' });
const named = (sandboxId: string) => ({ sandboxId, sandboxer: 'shim' });

beforeEach(async () => {
  held = undefined;
  db = new Database(':memory:');
  const envelopes = new Envelopes();
  topics = [];
  const seen = envelopes.subscribe(() => true);
  void (async () => {
    for await (const { topic } of seen) topics.push(topic);
  })();
  needs = {
    records: openRecords(db),
    sandboxes: openSandboxes(db),
    envelopes,
    runtimes: new RuntimeTable(BUILT_IN_RUNTIMES, 'gantry'),
    bootId: 'now',
    holders: {
      hold: (_ctx, { id }) => Promise.resolve({ holder: (held = { id, pid: 77, alive: true }) }),
      release: () => {
        held = undefined;
        return Promise.resolve({});
      },
      list: () => Promise.resolve({ holders: held === undefined ? [] : [held] }),
    },
  };
  store = sandboxStoreHandlers(needs);
  controller = sandboxControllerHandlers(needs);
});
afterEach(() => db.close());

const sandbox = (sandboxId: string, change: Partial<Sandbox> = {}): Sandbox =>
  Sandbox.fromPartial({ sandboxId, sandboxer: 'shim', runtime: { name: 'io.containerd.runc.v2' }, ...change });
const create = (sandboxId: string, more: object = {}) =>
  controller.create(ctx, {
    ...named(sandboxId),
    rootfs: [],
    options: undefined,
    netnsPath: '/run/netns/x',
    annotations: {},
    sandbox: undefined,
    ...more,
  });

test('records are made with their namespace, filtered, changed by field and deleted', async () => {
  await store.create(ctx, { sandbox: sandbox('a', { labels: { app: 'web' } }) });
  await store.create(ctx, { sandbox: sandbox('b', { runtime: { name: 'other', options: undefined } }) });
  expect(needs.records.namespaces.get('pods')).toBeDefined();
  await expect(store.create(ctx, { sandbox: sandbox('a') })).rejects.toMatchObject({ kind: 'alreadyExists' });
  await expect(store.create(ctx, { sandbox: sandbox('a b') })).rejects.toMatchObject({ kind: 'invalidArgument' });
  const ids = async (filter: string) => (await store.list(ctx, { filters: [filter] })).list.map(({ sandboxId }) => sandboxId);
  expect([await ids('labels.app==web'), await ids('runtime.name==other'), await ids('id==b')]).toEqual([['a'], ['b'], ['b']]);

  const wanted = sandbox('a', { labels: { app: 'db', tier: '1' }, extensions: { pod: packJson('pod', {}) } });
  const { sandbox: some } = await store.update(ctx, { sandbox: wanted, fields: ['labels.tier'] });
  expect(some).toMatchObject({ labels: { app: 'web', tier: '1' }, extensions: {} });
  const { sandbox: all } = await store.update(ctx, { sandbox: wanted, fields: [] });
  expect(all).toMatchObject({ labels: { app: 'db' }, extensions: { pod: packJson('pod', {}) } });
  for (const [given, fields] of [
    [sandbox('a', { runtime: { name: 'other', options: undefined } }), []],
    [wanted, ['sandboxer']],
  ] as const)
    await expect(store.update(ctx, { sandbox: given, fields: [...fields] })).rejects.toMatchObject({ kind: 'invalidArgument' });
  await store.delete(ctx, { sandboxId: 'a' });
  await expect(store.get(ctx, { sandboxId: 'a' })).rejects.toMatchObject({ kind: 'notFound' });
});

test('a sandbox is created, started, waited for, stopped and shut down; its events are told', async () => {
  await store.create(ctx, { sandbox: sandbox('a', { labels: { app: 'web' } }) });
  await expect(controller.start(ctx, named('a'))).rejects.toMatchObject({ kind: 'notFound' }); // not created by its controller
  await create('a');
  await expect(create('a')).rejects.toMatchObject({ kind: 'alreadyExists' });
  await store.update(ctx, { sandbox: sandbox('a', { labels: { app: 'web' } }), fields: ['extensions'] }); // keeps what Start needs
  expect(await controller.status(ctx, { ...named('a'), verbose: false })).toMatchObject({ state: 'SANDBOX_NOTREADY', info: {} });
  expect(await controller.start(ctx, named('a'))).toMatchObject({ sandboxId: 'a', pid: 0, labels: { app: 'web' } });
  expect(needs.sandboxes.live('now')).toEqual([{ sandboxId: 'a', netnsPath: '/run/netns/x' }]);
  expect(await controller.status(ctx, { ...named('a'), verbose: true })).toMatchObject({
    state: 'SANDBOX_READY',
    info: { netnsPath: '/run/netns/x' },
  });
  expect((await controller.platform(ctx, named('a'))).platform).toMatchObject({ os: 'linux' });
  expect((await controller.metrics(ctx, named('a'))).metrics).toMatchObject({ id: 'a' });
  await expect(store.delete(ctx, { sandboxId: 'a' })).rejects.toMatchObject({ kind: 'failedPrecondition' });

  const waiting = controller.wait(ctx, named('a'));
  await controller.stop(ctx, { ...named('a'), timeoutSecs: 1 });
  const exit = await waiting;
  expect(exit).toMatchObject({ exitStatus: 0, exitedAt: expect.anything() as object });
  expect(await controller.wait(ctx, named('a'))).toEqual(exit);
  await controller.stop(ctx, { ...named('a'), timeoutSecs: 1 });
  await controller.shutdown(ctx, named('a'));
  await expect(controller.platform(ctx, named('a'))).rejects.toMatchObject({ kind: 'notFound' });
  await store.delete(ctx, { sandboxId: 'a' });
  expect(topics).toEqual(['/sandboxes/create', '/sandboxes/start', '/sandboxes/exit']);
});

test('who waits and goes away is not held; other controllers, runtimes and root file systems are refused by name', async () => {
  await store.create(ctx, { sandbox: sandbox('a') });
  await create('a');
  await controller.start(ctx, named('a'));
  const gone = new AbortController();
  const waiting = controller.wait({ ...ctx, signal: gone.signal }, named('a'));
  gone.abort(new Error('left'));
  await expect(waiting).rejects.toThrow('left');

  await store.create(ctx, { sandbox: sandbox('vm', { runtime: { name: 'io.containerd.kata.v2', options: undefined } }) });
  await expect(create('vm')).rejects.toMatchObject({ kind: 'notImplemented', message: expect.stringContaining('kata') as string });
  await store.create(ctx, { sandbox: sandbox('fs') });
  const rootfs = [{ type: 'bind', source: '/x', target: '', options: [] }];
  await expect(create('fs', { rootfs })).rejects.toMatchObject({ kind: 'notImplemented' });
  await expect(create('fs', { sandboxer: 'podsandbox' })).rejects.toMatchObject({ kind: 'notFound' });
  await expect(create('nobody')).rejects.toMatchObject({ kind: 'notFound' });
});

test('after a reboot none is ready that was', async () => {
  for (const id of ['a', 'b']) await store.create(ctx, { sandbox: sandbox(id) });
  await create('a');
  await controller.start(ctx, named('a'));
  endSandboxesOfEarlierBoots(needs, 'later');
  expect(needs.sandboxes.require('pods', 'a').state).toMatchObject({ phase: 'stopped', exitCode: 255 });
  expect(needs.sandboxes.require('pods', 'b').state.phase).toBe('created');
});

test('the namespaces of a pod are held from its start to its end, and one whose holder died is ended', async () => {
  const pod = { sandboxId: 'p', sandboxer: 'pod' };
  const spec = packJson(OCI_SPEC_TYPE_URL, { hostname: 'web', linux: { namespaces: [{ type: 'network' }, { type: 'uts' }], sysctl: {} } });
  await store.create(ctx, { sandbox: sandbox('p', { sandboxer: 'pod', spec }) });
  await expect(controller.status(ctx, { ...named('p'), verbose: false })).rejects.toMatchObject({ kind: 'notFound' });
  await create('p', { sandboxer: 'pod', netnsPath: '' });
  expect(await controller.start(ctx, pod)).toMatchObject({ pid: 77 });
  expect(held).toMatchObject({ id: 'pods.p' });
  expect(needs.sandboxes.live('now')).toEqual([{ sandboxId: 'p', netnsPath: '/proc/77/ns/net' }]);
  expect(await controller.status(ctx, { ...pod, verbose: false })).toMatchObject({ state: 'SANDBOX_READY', pid: 77 });
  held = undefined;
  expect(await controller.status(ctx, { ...pod, verbose: false })).toMatchObject({ state: 'SANDBOX_NOTREADY', pid: 0 });
  expect((await controller.wait(ctx, pod)).exitStatus).toBe(137);
  await store.create(ctx, {
    sandbox: sandbox('q', { sandboxer: 'pod', spec: packJson(OCI_SPEC_TYPE_URL, { linux: { namespaces: [{ type: 'mount' }] } }) }),
  });
  await create('q', { sandboxer: 'pod', netnsPath: '' });
  await expect(controller.start(ctx, { ...pod, sandboxId: 'q' })).rejects.toMatchObject({
    message: expect.stringContaining('"mount" cannot be held') as string,
  });
});
