import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Container as DockerContainer, Phase } from '@gantry/api/gantry/engine/v1/record';
import { newContext, unavailable } from '@gantry/rpc';
import { memoryEvents } from '../events/testing/memory-events';
import { BUILT_IN_RUNTIMES, RuntimeTable } from '../../core/runtimes';
import { cgroupFacts, cgroupWarnings } from './cgroups';
import { engineId } from './engine-id';
import { type SystemNeeds, systemHandlers } from './service';

const ctx = newContext();
const withPhase = (phase: Phase) => ({ id: 'x', docker: DockerContainer.fromPartial({ state: { phase } }) });

function setUp(change: Partial<SystemNeeds> = {}) {
  const events = memoryEvents();
  const down = async (): Promise<never> => {
    throw unavailable('nobody answers on /run/x.sock');
  };
  const needs: SystemNeeds = {
    facts: {
      id: 'id1',
      version: '1.2.3',
      dataRoot: '/d',
      supervisorSocket: '/s',
      namespace: 'gantry',
      logDriver: 'json-file',
      logBound: { maxSize: 100_000_000, maxFile: 5 },
      labels: ['a=b'],
      registryMirrors: ['http://m'],
      insecureRegistries: ['10.0.0.0/8', 'reg:5000'],
      debug: false,
      liveRestore: true,
      experimental: false,
      cdiSpecDirs: [],
      initBinary: 'gantry-init',
      seccompProfile: 'builtin',
      userNamespaces: true,
      cgroupNamespace: 'host',
    },
    build: { version: '1.2.3', revision: '', experimental: false },
    records: { listDocker: () => [Phase.PHASE_RUNNING, Phase.PHASE_PAUSED, Phase.PHASE_EXITED, Phase.PHASE_CREATED].map(withPhase) },
    runtimes: new RuntimeTable(BUILT_IN_RUNTIMES, 'gantry'),
    events,
    images: {
      list: down,
      getInfo: async () => ({ snapshotter: 'copy', snapshotters: ['copy'] }),
      getDiskUsage: down,
      checkAuth: down,
    } as unknown as SystemNeeds['images'],
    network: { getStatus: down },
    plugins: () => [],
    services: { 'gantry-images': async () => '9.9', 'gantry-shim': down },
    containersWithSize: async () => [],
    guard: { scopes: () => new Map() } as unknown as SystemNeeds['guard'],
    ...change,
  };
  return { handlers: systemHandlers(needs), events };
}

test('info counts containers, names runtimes and mirrors, and turns a dead service into a warning', async () => {
  const { info } = await setUp().handlers.getInfo(ctx, {});
  expect(info).toMatchObject({
    // Containers share the host's cgroup namespace unless they ask for one.
    SecurityOptions: ['name=seccomp,profile=builtin', 'name=userns'],
    ID: 'id1',
    Containers: 4n,
    ContainersRunning: 1n,
    ContainersPaused: 1n,
    ContainersStopped: 2n,
    DefaultRuntime: 'gantry',
    LiveRestoreEnabled: true,
    Driver: 'copy',
    Labels: ['a=b'],
  });
  expect(info?.Runtimes['gantry']).toMatchObject({ path: 'gantry-runc' });
  expect(info?.RegistryConfig?.InsecureRegistryCIDRs).toContain('10.0.0.0/8');
  expect(info?.RegistryConfig?.IndexConfigs['docker.io']?.Mirrors).toEqual(['http://m/']);
  expect(info?.RegistryConfig?.IndexConfigs['reg:5000']).toMatchObject({ Secure: false });
  expect(info?.Warnings).toEqual(
    expect.arrayContaining([
      expect.stringContaining('the images service does not answer'),
      expect.stringContaining('the network service does not answer'),
      'WARNING: json-file logs without max-size are kept to 5 files of 100 MB (log-bound of supervisor.yaml)',
    ]),
  );
});

test('info counts the names of all images, and those without one', async () => {
  const asked: boolean[] = [];
  const list = async (_: unknown, { all }: { all: boolean }) => {
    asked.push(all);
    return { images: [{ repoTags: ['a:1', 'a:2'] }, { repoTags: [] }, { repoTags: ['b:1'] }] };
  };
  const images = { list, getInfo: async () => ({}) } as unknown as SystemNeeds['images'];
  const { info } = await setUp({ images }).handlers.getInfo(ctx, {});
  expect(info?.Images).toBe(4n);
  expect(asked).toEqual([true]);
});

test('version lists the services that answer', async () => {
  const { version } = await setUp().handlers.getVersion(ctx, {});
  expect(version?.Components.map(({ Name, Version }) => `${Name} ${Version}`)).toEqual([
    'Engine 1.2.3',
    'gantry-supervisor 1.2.3',
    'gantry-images 9.9',
  ]);
});

test('events say first that they are subscribed, then deliver; bad times are refused', async () => {
  const { handlers, events } = setUp();
  const stop = new AbortController();
  const stream = handlers.events(
    newContext({ signal: stop.signal }),
    { since: '', until: '', filters: {} },
    async () => undefined,
  ) as AsyncIterable<{ subscribed: boolean; event?: { Action: string } | undefined }>;
  const seen: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { subscribed, event } of stream) {
      seen.push(subscribed ? 'subscribed' : (event?.Action ?? ''));
      if (subscribed) events.emit({ type: 'container', action: 'start', id: 'x' });
      else stop.abort(unavailable('the service stops'));
    }
  };
  // Not at its end: whoever reads it asks again.
  await expect(read()).rejects.toMatchObject({ kind: 'unavailable' });
  expect(seen).toEqual(['subscribed', 'start']);
  expect(events.listenerCount).toBe(0);
  for (const [since, until, message] of [
    ['x', '', 'invalid value of since'],
    ['9', '3', 'cannot be after'],
  ] as const) {
    const bad = handlers.events(ctx, { since, until, filters: {} }, async () => undefined) as AsyncIterable<never>;
    await expect(bad[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      kind: 'invalidArgument',
      message: expect.stringContaining(message),
    });
  }
});

test('an unknown type of disk usage is refused', async () => {
  await expect(setUp().handlers.getDiskUsage(ctx, { types: ['colour'] })).rejects.toMatchObject({ message: 'unknown object type: colour' });
});

describe('on disk', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'system-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('the identity is made once and a damaged one is told', () => {
    const id = engineId(dir);
    expect(engineId(dir)).toBe(id);
    writeFileSync(join(dir, 'engine-id'), 'two words');
    expect(() => engineId(dir)).toThrow('engine-id holds no identity of an engine');
  });

  test('a file that is named holds it, and takes over the one of before', () => {
    const named = join(dir, 'root-engine-id');
    const before = engineId(dir);
    expect(engineId(dir, named)).toBe(before);
    expect(readFileSync(named, 'utf8')).toBe(before);
    writeFileSync(named, 'this-is-the-engine-id\n');
    expect(engineId(dir, named)).toBe('this-is-the-engine-id');
    rmSync(named);
    const next = engineId(dir, named);
    expect([before, 'this-is-the-engine-id']).not.toContain(next);
    expect(readFileSync(named, 'utf8')).toBe(next);
  });

  test('controllers that are missing become warnings', () => {
    writeFileSync(join(dir, 'cgroup.controllers'), 'cpu memory\n');
    const facts = cgroupFacts(dir);
    expect(facts).toMatchObject({ version: '2', memory: true, cpuQuota: true, pids: false });
    expect(cgroupWarnings(facts)).toEqual(['WARNING: No cpuset support', 'WARNING: No pids limit support']);
  });
});
