import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { packAny, packJson, unpackAny } from '@gantry/api';
import { TaskExit } from '@gantry/api/containerd/events/events';
import { type CreateTaskRequest, TaskService } from '@gantry/api/containerd/task/v3/shim';
import type { Envelope } from '@gantry/api/containerd/types/types';
import { CreateOptions, EventsServiceService, StatsServiceService } from '@gantry/api/gantry/shim/v1/shim';
import type { Process, Spec } from '@gantry/oci';
import { type CallContext, connect, type Connection, type ConnectOptions, newContext, type ServiceClient } from '@gantry/rpc';
import { commonDefaults, type HostedService, startService } from '@gantry/service';
import { createCgroupManager } from '@gantry/runtime';
import { monitorsPath, tidyGroups } from '../cgroups';
import type { ShimConfig } from '../config';
import { shimService } from '../service';
import { openMonitor, type MonitorClient } from './monitor-client';

export const repository = join(__dirname, '../../../..');

/** dist/gantry-native, built when it is missing or older than its sources. */
export function nativeBinary(): string {
  const path = process.env['GANTRY_NATIVE'] ?? join(repository, 'dist/gantry-native');
  if (process.env['GANTRY_NATIVE'] === undefined)
    execFileSync('make', ['-s', '-C', join(repository, 'packages/native')], { stdio: ['ignore', 'ignore', 'inherit'] });
  return path;
}

export interface RunOptions {
  readonly args: readonly string[];
  readonly terminal?: boolean;
  readonly stdin?: boolean;
  readonly change?: (spec: Spec) => void;
  readonly options?: Partial<CreateOptions>;
  /** Directory of images to restore from. */
  readonly checkpoint?: string;
  /** Instead of the monitor's socket. */
  readonly stdio?: { readonly stdin: string; readonly stdout: string; readonly stderr: string };
}

/** What Create is to be asked for. */
export interface Prepared {
  readonly request: CreateTaskRequest;
  readonly socket: string;
  readonly log: string;
}

/** A task that the fixture created; `monitor` is its socket, `log` its log file. */
export interface Created {
  readonly id: string;
  readonly pid: number;
  readonly bundle: string;
  readonly socket: string;
  readonly log: string;
}

/** A shim of its own below a temporary directory, with a busybox image as the lower layer of every rootfs. */
export class ShimFixture {
  readonly dir = mkdtempSync(join(tmpdir(), 'gantry-shim-'));
  readonly run = join(this.dir, 'run');
  readonly ctx: CallContext = newContext({ namespace: 'testing' });
  readonly events: Envelope[] = [];
  /** Reasons that came with exit events, by container id. */
  readonly exitErrors = new Map<string, string>();
  readonly logs: string[] = [];
  private service: HostedService | undefined;
  private connection: Connection | undefined;
  private following: Promise<void> = Promise.resolve();
  private next = 0;
  private readonly base = join(this.dir, 'base');
  private readonly cgroup = `/gantry-test-${process.pid}-${Math.random().toString(16).slice(2, 8)}`;

  constructor(
    private readonly defaults: Partial<CreateOptions> = {},
    private readonly config: Partial<ShimConfig> = {},
    /** How the fixture itself calls the shim. */
    private readonly options: ConnectOptions = {},
  ) {
    for (const dir of ['bin', 'proc', 'sys', 'dev', 'tmp', 'etc']) mkdirSync(join(this.base, dir), { recursive: true });
    copyFileSync('/bin/busybox', join(this.base, 'bin/busybox'));
    for (const applet of [
      'sh',
      'echo',
      'cat',
      'sleep',
      'true',
      'stty',
      'dd',
      'tty',
      'id',
      'seq',
      'kill',
      'tail',
      'head',
      'printf',
      'yes',
      'tr',
    ])
      symlinkSync('busybox', join(this.base, 'bin', applet));
    writeFileSync(join(this.base, 'etc/not-executable'), 'text');
  }

  get tasks(): ServiceClient<typeof TaskService> {
    return this.connected().client(TaskService);
  }

  get stats(): ServiceClient<typeof StatsServiceService> {
    return this.connected().client(StatsServiceService);
  }

  private connected(): Connection {
    if (this.connection === undefined) throw new Error('the shim does not run');
    return this.connection;
  }

  async start(): Promise<void> {
    const config = {
      ...commonDefaults,
      ...shimService.defaults,
      ...this.config,
      root: join(this.dir, 'data'),
      run: this.run,
      native: nativeBinary(),
      'metrics-address': 'off',
      'log-level': 'info' as const,
    };
    const logs = this.logs;
    const destination = new Writable({ write: (chunk: Buffer, _encoding, done) => (logs.push(chunk.toString()), done()) });
    this.service = await startService(shimService, config, { destination });
    this.connect();
  }

  /** To a shim that runs already: one of its own process. */
  connect(): void {
    this.connection = connect(join(this.run, 'shim.sock'), { defaults: { waitForReady: true, timeoutMs: 60_000 }, ...this.options });
    this.following = this.follow(this.connection);
  }

  private async follow(connection: Connection): Promise<void> {
    const client = connection.client(EventsServiceService);
    while (this.connection === connection) {
      try {
        for await (const { sequence, envelope, exitError } of client.subscribe(this.ctx, {}, { waitForReady: true, timeoutMs: 1e9 })) {
          if (envelope !== undefined) this.events.push(envelope);
          if (exitError !== '') this.exitErrors.set(unpackAny(envelope?.event, TaskExit)?.containerId ?? '', exitError);
          await client.ack(this.ctx, { sequence });
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 10)); // the shim is gone; perhaps it comes back
      }
    }
  }

  /** Resolves when the client has noticed that the shim died. */
  async lost(): Promise<void> {
    await this.connection?.lost(30_000);
  }

  async disconnect(): Promise<void> {
    const { connection } = this;
    this.connection = undefined;
    connection?.close();
    await this.following;
  }

  async stop(): Promise<void> {
    await this.service?.stop();
    this.service = undefined;
    await this.disconnect();
  }

  /** Stops everything and removes the directory. */
  async remove(): Promise<void> {
    await this.stop();
    await this.endMonitors();
    execFileSync(
      'sh',
      [
        '-c',
        `for d in /sys/fs/cgroup/*${this.cgroup} /sys/fs/cgroup${this.cgroup}; do [ -d "$d" ] && find "$d" -depth -type d -exec rmdir {} + ; done; true`,
      ],
      { stdio: 'ignore' },
    );
    const left = this.mounts();
    if (left.length > 0) throw new Error(`mounts were left: ${left.join(' ')}`);
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A monitor outlives its task while a FIFO still holds what nobody has read; here nobody will. */
  private async endMonitors(): Promise<void> {
    const cgroups = createCgroupManager();
    const root = '/sys/fs/cgroup';
    const groups = (): string[] =>
      [root, ...readdirSync(root).map((name) => join(root, name))]
        .map((hierarchy) => join(hierarchy, monitorsPath(this.run)))
        .filter((path) => existsSync(path));
    for (let tries = 0; tries < 2000 && groups().length > 0; tries++) {
      for (const group of groups()) for (const pid of membersOf(group)) kill(pid);
      await tidyGroups(cgroups, this.run);
      if (groups().length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (groups().length > 0) throw new Error(`${monitorsPath(this.run)} still has a process`);
  }

  /** A spec in the way of docker's: own namespaces, cgroup, /proc, /dev. */
  spec(id: string, { args, terminal = false, change }: RunOptions): Spec {
    const capabilities = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_SETGID', 'CAP_SETUID', 'CAP_KILL'];
    const spec: Spec = {
      ociVersion: '1.0.2',
      process: {
        terminal,
        user: { uid: 0, gid: 0 },
        args: [...args],
        env: ['PATH=/bin', 'TERM=xterm'],
        cwd: '/',
        capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
        noNewPrivileges: true,
      },
      root: { path: 'rootfs' },
      hostname: 'test',
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
        {
          destination: '/dev/pts',
          type: 'devpts',
          source: 'devpts',
          options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
        },
        { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=1024k'] },
      ],
      linux: {
        cgroupsPath: `${this.cgroup}/${id}`,
        namespaces: [{ type: 'pid' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }, { type: 'network' }],
        resources: { devices: [{ allow: true, access: 'rwm' }] },
      },
    };
    change?.(spec);
    return spec;
  }

  /** Writes the bundle and calls Create with an overlay of its own. */
  async create(run: RunOptions): Promise<Created> {
    return this.createFrom(this.prepare(run));
  }

  /** Writes the bundle and makes the directories of its overlay. */
  prepare(run: RunOptions): Prepared {
    const id = `t${++this.next}`;
    const bundle = join(this.run, 'tasks', this.ctx.namespace, id);
    const work = join(this.dir, 'snapshots', id);
    for (const dir of [bundle, join(work, 'fs'), join(work, 'work')]) mkdirSync(dir, { recursive: true, mode: 0o700 });
    chmodSync(join(work, 'fs'), 0o755); // the container's root
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(this.spec(id, run)));
    const socket = join(this.run, 's', id);
    const log = join(this.dir, `${id}.log`);
    const options: CreateOptions = CreateOptions.fromPartial({
      openStdin: run.stdin ?? false,
      stdinOnce: true,
      log: { path: log, maxSize: 0n, maxFile: 1, attrs: {} },
      ...this.defaults,
      ...run.options,
    });
    const request: CreateTaskRequest = {
      id,
      bundle,
      rootfs: [
        {
          type: 'overlay',
          source: 'overlay',
          target: '',
          options: [`workdir=${join(work, 'work')}`, `upperdir=${join(work, 'fs')}`, `lowerdir=${this.base}`],
        },
      ],
      terminal: run.terminal ?? false,
      stdin: run.stdin === true ? `monitor://${socket}` : '',
      stdout: `monitor://${socket}`,
      stderr: `monitor://${socket}`,
      ...run.stdio,
      checkpoint: run.checkpoint ?? '',
      parentCheckpoint: '',
      options: packAny(CreateOptions, options),
    };
    return { request, socket, log };
  }

  async createFrom({ request, socket, log }: Prepared): Promise<Created> {
    const { pid } = await this.tasks.create(this.ctx, request);
    return { id: request.id, pid, bundle: request.bundle, socket, log };
  }

  async startTask(task: Created, execId = ''): Promise<number> {
    return (await this.tasks.start(this.ctx, { id: task.id, execId })).pid;
  }

  async wait(task: Created, execId = ''): Promise<number> {
    return (await this.tasks.wait(this.ctx, { id: task.id, execId })).exitStatus;
  }

  async delete(task: Created, execId = ''): Promise<number> {
    return (await this.tasks.delete(this.ctx, { id: task.id, execId })).exitStatus;
  }

  async exec(
    task: Created,
    execId: string,
    options: {
      args: readonly string[];
      terminal?: boolean;
      stdin?: boolean;
      change?: (process: Process) => void;
      stdio?: RunOptions['stdio'];
    },
  ): Promise<string> {
    const socket = join(this.run, 's', `${task.id}-${execId}`);
    const process: Process = { user: { uid: 0, gid: 0 }, args: [...options.args], env: ['PATH=/bin'], cwd: '/' };
    options.change?.(process);
    await this.tasks.exec(this.ctx, {
      id: task.id,
      execId,
      terminal: options.terminal ?? false,
      stdin: options.stdin === true ? `monitor://${socket}` : '',
      stdout: `monitor://${socket}`,
      stderr: `monitor://${socket}`,
      ...options.stdio,
      spec: packJson('types.containerd.io/opencontainers/runtime-spec/1/Process', process),
    });
    return socket;
  }

  attach(socket: string, stdin = true): Promise<MonitorClient> {
    return openMonitor(socket, stdin);
  }

  /** Lines of the log as [stream, text]; one that is being written does not count yet. */
  log(task: Created): [string, string][] {
    return readFileSync(task.log, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const { stream, log } = JSON.parse(line) as { stream: string; log: string };
        return [stream, log];
      });
  }

  /** Topics of the events of one container. */
  topics(task: Created): string[] {
    return this.events.filter(({ event }) => event !== undefined && isAbout(event.value, task.id)).map(({ topic }) => topic);
  }

  mounts(): string[] {
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((path) => path.startsWith(this.dir));
  }

  /** Whether any hierarchy still has the task's cgroup. */
  hasCgroup(task: Created): boolean {
    return ['memory', 'pids', 'cpu', 'systemd', 'unified', ''].some((name) =>
      existsSync(join('/sys/fs/cgroup', name, this.cgroup, task.id)),
    );
  }
}

/** Every task event begins with the container's id (field 1). */
const isAbout = (event: Uint8Array, id: string): boolean =>
  Buffer.from(event)
    .subarray(0, 2 + id.length)
    .equals(Buffer.concat([Buffer.from([0x0a, id.length]), Buffer.from(id)]));

/** Waits until the condition holds. */
export async function eventually(condition: () => boolean, what: string, timeoutMs = 30_000): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > until) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function membersOf(group: string): number[] {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return []; // it has just gone
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}
