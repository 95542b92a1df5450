import { noPods } from '../docker/pods';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packAny, timestampNow } from '@gantry/api';
import { TaskExit } from '@gantry/api/containerd/events/events';
import type { Mount } from '@gantry/api/containerd/types/types';
import { CreateRequest } from '@gantry/api/gantry/engine/v1/containers';
import { Image, Volume } from '@gantry/api/gantry/images/v1/images';
import { alreadyExists, type CallContext, conflict, newContext, notFound, silentLogger, StreamBroker } from '@gantry/rpc';
import { Plugins } from '@gantry/service/plugins';
import { Looker } from '@gantry/linux/looks';
import type { Engine } from '../docker/engine';
import { LogForwarders } from '../docker/logs/forward/forwarders';
import { foreignLooks } from '../docker/looks';
import { handleTaskEvent } from '../core/exit/task-events';
import { dockerFace } from '../docker/containers';
import { Idempotence } from '../core/queues/idempotence';
import { Lifecycle } from '../core/exit/lifecycle';
import { Persistence } from '../core/queues/persistence';
import { ContainerQueues } from '../core/queues/queue';
import { StatsSampler } from '../docker/stats/sampler';
import { startById } from '../docker/start/start';
import { execEnded } from '../docker/exec/exec';
import { ExecTable, noExecStore } from '../docker/exec/table';
import { Restarter } from '../core/exit/restarter';
import { DockerEvents, openEventJournal } from '../docker/events';
import { openJournal } from '../core/journal';
import { Database } from '../core/records';
import { openDockerRecords } from '../docker/records';
import { openSandboxes } from '../core/sandboxes';
import { BUILT_IN_RUNTIMES, RuntimeTable } from '../core/runtimes';
import { DEFAULT_SHM_SIZE } from '@gantry/spec';
import { defaultSeccompProfile } from '@gantry/oci/seccomp';
import { FakeTasks } from './fake-tasks';

/** Everything outside the supervisor, in memory: what it holds is what a crash must not leave behind. */
export class FakeWorld {
  readonly root = mkdtempSync(join(tmpdir(), 'gantry-engine-'));
  readonly tasks = new FakeTasks();
  readonly snapshots = new Set<string>();
  readonly leases = new Set<string>();
  readonly holders = new Set<string>();
  readonly active = new Map<string, string>();
  /** Volume name → containers that use it. */
  readonly volumes = new Map<string, Set<string>>();
  /** Sandbox → networks. */
  readonly sandboxes = new Map<string, string[]>();
  /** Sandbox → its ports, as the last SetPorts left them. */
  readonly published = new Map<string, string[]>();
  /** Names that the network service resolves. */
  readonly names = new Map<string, string>();
  /** Calls in order, `verb subject`. */
  readonly calls: string[] = [];
  /** Makes the next call of this name fail. */
  readonly failures = new Map<string, Error>();
  /** What the snapshotter answers instead of a bind of `layer`. */
  mounts: Mount[] | undefined;
  imageConfig: object = { config: { Env: ['PATH=/bin'], Cmd: ['sh'] } };

  constructor() {
    mkdirSync(join(this.root, 'layer', 'etc'), { recursive: true });
    mkdirSync(join(this.root, 's'));
    writeFileSync(join(this.root, 'layer', 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\napp:x:500:600::/srv/app:/bin/sh\n');
    writeFileSync(join(this.root, 'layer', 'etc', 'group'), 'root:x:0:\nwheel:x:10:root,app\napp:x:600:\n');
  }

  call(name: string): void {
    this.calls.push(name);
    const verb = name.split(' ')[0] ?? '';
    const failure = this.failures.get(verb);
    this.failures.delete(verb);
    if (failure !== undefined) throw failure;
  }

  destroy(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export interface FakeEngine extends Engine {
  readonly db: Database;
  readonly world: FakeWorld;
  readonly ctx: CallContext;
  /** Tries nothing again any more. */
  stopPersisting(): void;
  /** Docker's events so far: "container start web". */
  readonly told: string[];
  /** What the shim tells when a process ends. */
  exit(id: string, exitCode: number, execId?: string): void;
}

/** The services' clients as literals over a fake world. Only what the containers engine calls is there. */
function services(
  world: FakeWorld,
): Pick<Engine, 'images' | 'trees' | 'volumes' | 'snapshots' | 'diffs' | 'activations' | 'leases' | 'network' | 'holders'> {
  const users = (name: string): Set<string> => {
    const found = world.volumes.get(name);
    if (found === undefined) throw notFound(`volume ${name}`);
    return found;
  };
  const volume = (name: string): Volume => Volume.create({ name, driver: 'local', mountpoint: join(world.root, 'volumes', name) });
  const image = Image.create({
    id: `sha256:${'a'.repeat(64)}`,
    chainId: 'sha256:chain',
    snapshotter: 'overlayfs',
    names: ['docker.io/library/busybox:latest'],
    platform: { os: 'linux', architecture: 'amd64' },
  });
  return {
    images: {
      resolve: async (_ctx: CallContext, { ref }: { ref: string }) => {
        world.call(`resolve ${ref}`);
        if (!ref.startsWith('busybox')) throw notFound(`image ${ref}`);
        return { image: { ...image, configJson: Buffer.from(JSON.stringify(world.imageConfig)) } };
      },
    } as never,
    trees: {
      readFiles: async (_ctx: CallContext, { snapshotKey, paths }: { snapshotKey: string; paths: string[] }) => {
        if (!world.snapshots.has(snapshotKey)) throw notFound(`snapshot ${snapshotKey}`);
        return { files: paths.map((path) => ({ found: true, content: readFileSync(join(world.root, 'layer', path)) })) };
      },
    } as never,
    volumes: {
      createVolume: async (_ctx: CallContext, { name }: { name: string }) => {
        world.call(`createVolume ${name}`);
        const created = !world.volumes.has(name);
        if (created) world.volumes.set(name, new Set());
        return { volume: volume(name), created };
      },
      addReference: async (_ctx: CallContext, { name, containerId }: { name: string; containerId: string }) => {
        world.call(`addReference ${name}`);
        users(name).add(containerId);
        return { volume: volume(name) };
      },
      releaseReference: async (_ctx: CallContext, { name, containerId }: { name: string; containerId: string }) => {
        users(name).delete(containerId);
        return {};
      },
      removeVolume: async (_ctx: CallContext, { name }: { name: string }) => {
        if (users(name).size > 0) throw conflict(`volume ${name} is in use`);
        world.volumes.delete(name);
        return {};
      },
      populate: async (_ctx: CallContext, { volumeName }: { volumeName: string }) => {
        world.call(`populate ${volumeName}`);
        return { copied: true };
      },
    } as never,
    snapshots: {
      prepare: async (_ctx: CallContext, { key }: { key: string }) => {
        world.call(`prepare ${key}`);
        world.snapshots.add(key);
        return { mounts: world.mounts ?? [{ type: 'bind', source: join(world.root, 'layer'), target: '', options: ['rbind', 'rw'] }] };
      },
      view: async (_ctx: CallContext, { key }: { key: string }) => {
        world.call(`view ${key}`);
        world.snapshots.add(key);
        return { mounts: [] };
      },
      mounts: async () => ({ mounts: [{ type: 'bind', source: join(world.root, 'image'), target: '', options: ['ro'] }] }),
      remove: async (_ctx: CallContext, { key }: { key: string }) => {
        world.call(`removeSnapshot ${key}`);
        if (!world.snapshots.delete(key)) throw notFound(`snapshot ${key}`);
        return {};
      },
    } as never,
    diffs: {
      apply: async (_ctx: CallContext, { diff }: { diff: { digest: string } }) => {
        world.call(`apply ${diff.digest}`);
        return { applied: diff };
      },
    } as never,
    activations: {
      activate: async (_ctx: CallContext, { name, mounts }: { name: string; mounts: readonly Mount[] }) => {
        if (world.active.has(name)) throw alreadyExists(`mount "${name}": already exists`);
        world.active.set(name, mounts.at(-1)?.source ?? '');
        return { info: { active: [{ mountPoint: world.active.get(name) }] } };
      },
      info: async (_ctx: CallContext, { name }: { name: string }) => ({ info: { active: [{ mountPoint: world.active.get(name) }] } }),
      deactivate: async (_ctx: CallContext, { name }: { name: string }) => {
        if (!world.active.delete(name)) throw notFound(`mount "${name}": not found`);
        return {};
      },
    } as never,
    leases: {
      create: async (_ctx: CallContext, { id }: { id: string }) => {
        world.call(`lease ${id}`);
        world.leases.add(id);
        return { lease: undefined };
      },
      addResource: async () => ({}),
      list: async () => ({ leases: [...world.leases].map((id) => ({ id, labels: {}, createdAt: undefined })) }),
      delete: async (_ctx: CallContext, { id }: { id: string }) => {
        if (!world.leases.delete(id)) throw notFound(`lease ${id}`);
        return {};
      },
    } as never,
    network: {
      connect: async (
        _ctx: CallContext,
        {
          networkRef,
          sandboxId,
          ports,
        }: { networkRef: string; sandboxId: string; ports: { protocol: string; containerPort: number; hostPort: number }[] },
      ) => {
        world.call(`connect ${networkRef}`);
        world.sandboxes.set(sandboxId, [...new Set([...(world.sandboxes.get(sandboxId) ?? []), networkRef])]);
        return {
          endpoint: {
            id: 'e'.repeat(64),
            networkId: 'n'.repeat(64),
            networkName: networkRef,
            networkDriver: networkRef === 'none' ? 'null' : networkRef,
            sandboxId,
            name: '',
            interface: 'eth0',
            macAddress: '02:42:ac:11:00:02',
            ipAddress: networkRef === 'bridge' ? '172.17.0.2' : '172.20.0.2',
            ipPrefixLen: 16,
            gateway: '172.17.0.1',
            ipv6Address: '',
            ipv6PrefixLen: 0,
            ipv6Gateway: '',
            aliases: [],
            dnsNames: [],
            ports: ports.map((port) => ({ ...port, hostIp: '0.0.0.0', hostPort: port.hostPort || 32_768 })),
            defaultRoute: world.sandboxes.get(sandboxId)?.length === 1,
          },
          embeddedDns: networkRef !== 'bridge',
          warnings: [],
        };
      },
      releaseSandbox: async (_ctx: CallContext, { sandboxId }: { sandboxId: string }) => {
        world.call(`release ${sandboxId}`);
        world.sandboxes.delete(sandboxId);
        return {};
      },
      reconcile: async (_ctx: CallContext, { sandboxes }: { sandboxes: { sandboxId: string }[] }) => {
        world.call(`reconcile ${sandboxes.map(({ sandboxId }) => sandboxId).join(' ')}`);
        return { releasedSandboxIds: [] };
      },
      setPorts: async (
        _ctx: CallContext,
        { sandboxId, ports }: { sandboxId: string; ports: { protocol: string; containerPort: number; hostIp: string; hostPort: number }[] },
      ) => {
        const published = ports.map((port) => ({ ...port, hostIp: port.hostIp || '0.0.0.0', hostPort: port.hostPort || 32_768 }));
        world.published.set(
          sandboxId,
          published.map(({ hostPort, containerPort }) => `${hostPort}:${containerPort}`),
        );
        world.call(`setPorts ${world.published.get(sandboxId)?.join(' ') ?? ''}`);
        return { router: { ports: published } };
      },
      disconnect: async (_ctx: CallContext, { networkRef, sandboxId }: { networkRef: string; sandboxId: string }) => {
        const names = world.sandboxes.get(sandboxId) ?? [];
        world.sandboxes.set(
          sandboxId,
          names.filter((name) => name !== networkRef),
        );
        return { router: undefined };
      },
      renameSandbox: async (_ctx: CallContext, { sandboxId, containerName }: { sandboxId: string; containerName: string }) => {
        world.names.set(sandboxId, containerName);
        return {};
      },
      getStatus: async () => ({ hostGatewayIps: ['172.17.0.1'] }),
      moveSandbox: async (_ctx: CallContext, { sandboxId, netnsPath }: { sandboxId: string; netnsPath: string }) => {
        world.call(`move ${sandboxId} ${netnsPath}`);
        return {};
      },
    } as never,
    holders: {
      hold: async (_ctx: CallContext, { id }: { id: string }) => {
        world.call(`hold ${id}`);
        world.holders.add(id);
        return { holder: { id, pid: 77, alive: true } };
      },
      release: async (_ctx: CallContext, { id }: { id: string }) => {
        world.holders.delete(id);
        return {};
      },
      list: async () => ({ holders: [...world.holders].map((id) => ({ id, pid: 77, alive: true })) }),
    } as never,
  };
}

/** An engine over a fake world, as a new process would have it: opened twice on one world, it is a restart. */
export function fakeEngine(world: FakeWorld, settings: Partial<Engine['settings']> = {}): FakeEngine {
  const plugins = { sockets: join(world.root, 'plugins'), specs: [], logging: join(world.root, 'logging') };
  const db = new Database(join(world.root, 'state.db'));
  const records = openDockerRecords(db, 'gantry');
  const ctx = newContext({ namespace: 'gantry', logger: silentLogger });
  const restarter = new Restarter((id) => {
    startById(engine, ctx, id, 'policy').catch(() => undefined);
  });
  const events = new DockerEvents(openEventJournal(db, silentLogger), silentLogger);
  const told: string[] = [];
  const emit = events.emit.bind(events);
  events.emit = (event) => {
    told.push(`${event.type} ${event.action} ${event.attributes?.['name'] ?? event.id}`);
    return emit(event);
  };
  const queues = new ContainerQueues();
  const persistence = new Persistence(queues, silentLogger);
  const parts: Omit<Engine, 'face'> = {
    records,
    sandboxes: openSandboxes(db),
    events,
    journal: openJournal(db),
    tasks: world.tasks,
    taskEvents: undefined as never,
    pods: noPods,
    ...services(world),
    runtimes: new RuntimeTable(BUILT_IN_RUNTIMES, 'gantry'),
    broker: new StreamBroker({ runRoot: world.root, id: 'test', logger: silentLogger }),
    logger: silentLogger,
    queues,
    persistence,
    once: new Idempotence(),
    life: new Lifecycle(restarter),
    execs: new ExecTable(noExecStore),
    forwarders: new LogForwarders({
      log: (id) => join(world.root, 'data', `${id}-json.log`),
      logger: silentLogger,
      dropped: () => undefined,
      surroundings: { plugins: new Plugins(plugins), fifos: plugins.logging },
    }),
    looks: new Looker(foreignLooks, undefined),
    sampler: new StatsSampler({ records, tasks: world.tasks, logger: silentLogger }),
    settings: {
      dataRoot: join(world.root, 'data'),
      runRoot: world.root,
      bootId: 'boot-1',
      cgroupVersion: 2,
      seccomp: defaultSeccompProfile(),
      cgroupParent: '',
      ulimits: [],
      noNewPrivileges: false,
      ipcMode: 'private',
      cgroupNamespace: '',
      liveRestore: true,
      cdiSpecDirs: [join(world.root, 'cdi')],
      plugins,
      shutdownTimeout: 15,
      init: false,
      dns: ['192.0.2.53'],
      dnsSearch: [],
      dnsOptions: [],
      logDriver: 'json-file',
      logOptions: {},
      logBound: undefined,
      imagesFrom: '',
      resolvConf: '/etc/resolv.conf',
      hostGatewayIps: [],
      defaultBridge: true,
      defaultShmSize: DEFAULT_SHM_SIZE,
      stopTimeout: 1,
      nativePath: () => '/nonexistent',
      ...settings,
    },
  };
  const engine: FakeEngine = {
    ...parts,
    face: dockerFace(parts),
    db,
    world,
    ctx,
    told,
    stopPersisting: () => persistence.stop(),
    exit(id, exitCode, execId = id) {
      const process = execId === id ? '' : execId;
      world.tasks.end(ctx, id, exitCode, process);
      tell(id, execId, exitCode, world.tasks.pidOf(ctx, id, process));
    },
  };
  const tell = (id: string, execId: string, exitStatus: number, pid: number): void =>
    handleTaskEvent(engine, {
      sequence: 1n,
      namespace: 'gantry',
      topic: '/tasks/exit',
      timestamp: undefined,
      event: packAny(TaskExit, { containerId: id, id: execId, pid, exitStatus, exitedAt: timestampNow() }),
      exitError: '',
    });
  engine.execs.onEnded = (exec) => execEnded(engine, exec);
  world.tasks.onKill = (id, signal, execId) => {
    const pid = world.tasks.pidOf(ctx, id, execId);
    setImmediate(() => tell(id, execId === '' ? id : execId, 128 + signal, pid));
  };
  return engine;
}

/** `docker create busybox …`. */
export function createRequest(
  change: { name?: string; config?: object; hostConfig?: object; networking?: object; step?: CreateRequest['step'] } = {},
): CreateRequest {
  return CreateRequest.fromPartial({
    name: change.name ?? '',
    config: { Image: 'busybox', ...change.config },
    hostConfig: { ...change.hostConfig },
    ...(change.networking === undefined ? {} : { networkingConfig: change.networking }),
    ...(change.step === undefined ? {} : { step: change.step }),
  });
}
