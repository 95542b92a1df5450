import { spawn, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { command, ended, until, type CommandOptions, type CommandResult } from './command';
import { bundles, pinnedNode, projectRoot } from './paths';

/** A running engine, ours or the original, with the real docker CLI in front of it. */
export interface Engine {
  readonly kind: 'gantry' | 'dockerd';
  /** Folder of everything that this engine owns. */
  readonly folder: string;
  /** Run root (gantry only). */
  readonly run: string;
  /** Data root. */
  readonly root: string;
  /** Path of the API socket. */
  readonly socket: string;
  /** The network namespace that plays the host. */
  readonly netns: string;
  readonly log: string;
  /** Runs the docker CLI. */
  docker(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Starts the docker CLI and leaves it running. */
  dockerSpawn(args: readonly string[]): ChildProcess;
  /** Runs a command on the network that the engine calls its host's. */
  onHost(file: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Process ids of a service (by the name of its bundle), gantry with separate processes only. */
  pids(service: string): number[];
  /** Ends a service by SIGKILL, and waits until it is gone: one that is dying still takes a call. */
  killService(service: string): Promise<void>;
  /** Starts the same engine again after it was stopped or killed. */
  start(): Promise<void>;
  /** Sends a signal to the launcher (or dockerd) and waits for its end; containers stay. */
  halt(signal?: NodeJS.Signals): Promise<void>;
  /** Leaves what a reboot leaves: no process, no mount, nothing below the run root. start() is the next boot; links of the network stay. */
  reboot(): Promise<void>;
  /** Removes all containers, stops and removes everything. */
  destroy(): Promise<void>;
}

export interface EngineOptions {
  /** Services as processes of their own, watched by the launcher. */
  separate?: boolean;
  /** Text of configuration files by service name (gantry). */
  config?: Record<string, string>;
  args?: string[];
  /** The run root on a tmpfs, as /run is. */
  memoryRun?: boolean;
  /** Path of the dockerd to start. */
  command?: string;
  /** Root of the built tree whose gantry is started, with its own Node. Default: this one. */
  tree?: string;
  /** What the engine is to find on its host's network when it starts. */
  before?(host: { readonly netns: string }): Promise<void>;
  /** Program and arguments that begin the engine: what its processes are to find around them. */
  within?: readonly string[];
  /** What its processes find beside our own environment. */
  environment?: NodeJS.ProcessEnv;
  /** Ours in dockerd's place: args are dockerd's, for both kinds. */
  asDockerd?: boolean;
  /** dockerd keeps its images in its containerd, as ours always does. */
  containerdStore?: boolean;
}

export type EngineKind = Engine['kind'];

/** The engines to test: ours; with GANTRY_E2E_PEER=1 the original too, with GANTRY_E2E_PEER=only the original alone. */
export const kinds: EngineKind[] =
  process.env['GANTRY_E2E_PEER'] === 'only' ? ['dockerd'] : process.env['GANTRY_E2E_PEER'] ? ['gantry', 'dockerd'] : ['gantry'];

/** Starts an engine in a network namespace and folders of its own. */
export async function startEngine(kind: EngineKind = 'gantry', options: EngineOptions = {}): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-`));
  const netns = folder.slice(folder.lastIndexOf('/') + 1);
  const root = join(folder, 'data');
  const run = join(folder, 'run');
  const socket = join(run, 'docker.sock');
  const log = join(folder, 'engine.log');
  mkdirSync(run, { mode: 0o711 });
  if (options.memoryRun === true) await must('mount', ['-t', 'tmpfs', '-o', 'mode=0711', 'tmpfs', run]);
  await must('ip', ['netns', 'add', netns]);
  await must('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
  const configFolder = join(folder, 'config');
  mkdirSync(configFolder);
  for (const [service, text] of Object.entries(options.config ?? {})) writeFileSync(join(configFolder, `${service}.yaml`), text);
  const inNet = ['--net=/run/netns/' + netns];
  let process_: ChildProcess | undefined;
  const foreignGroups = kind === 'dockerd' ? dockerGroups() : [];

  const dockerdArguments = ['--data-root', root, '--exec-root', run, '--pidfile', join(folder, 'dockerd.pid'), '-H', `unix://${socket}`];
  const argv =
    kind === 'dockerd'
      ? [options.command ?? 'dockerd', ...dockerdArguments, ...storeOf(options), ...(options.args ?? [])]
      : [
          options.tree === undefined ? pinnedNode : join(options.tree, relative(projectRoot, pinnedNode)),
          options.tree === undefined ? join(bundles, 'gantry.cjs') : join(options.tree, relative(projectRoot, bundles), 'gantry.cjs'),
          ...(options.asDockerd === true
            ? ['dockerd', ...dockerdArguments]
            : ['up', '--root', root, '--run', run, '--config-dir', configFolder]),
          ...(options.separate ? ['--separate'] : []),
          ...(options.args ?? []),
        ];

  const cleanUp = async () => engine.onHost(pinnedNode, [join(bundles, 'gantry.cjs'), 'cleanup', '--root', root, '--run', run]);

  const engine: Engine = {
    kind,
    folder,
    run,
    root,
    socket,
    netns,
    log,
    docker: (args, commandOptions) => command('docker', ['-H', `unix://${socket}`, ...args], commandOptions),
    dockerSpawn: (args) => spawn('docker', ['-H', `unix://${socket}`, ...args], { stdio: ['pipe', 'pipe', 'pipe'] }),
    onHost: (file, args, commandOptions) => command('nsenter', [...inNet, file, ...args], commandOptions),
    pids: (service) => findProcesses((cmdline) => cmdline.includes(`${service}.cjs`) && cmdline.includes(run)),
    async killService(service) {
      const dying = engine.pids(service);
      dying.forEach(kill);
      await until(`${service} to be gone`, () => !engine.pids(service).some((pid) => dying.includes(pid)));
    },
    async start() {
      const out = openSync(log, 'a');
      const env = { ...cleanEnvironment(), ...options.environment };
      process_ = spawn('nsenter', [...inNet, ...(options.within ?? []), ...argv], { stdio: ['ignore', out, out], env, detached: true });
      process_.on('error', () => undefined);
      await until(
        `${kind} to answer (see ${log})`,
        async () => {
          if (process_?.exitCode !== null)
            throw new Error(`${kind} ended at once with ${process_?.exitCode}:\n${readFileSync(log, 'utf8').slice(-4000)}`);
          return existsSync(socket) && (await ping(socket));
        },
        60_000,
      );
    },
    async halt(signal = 'SIGTERM') {
      if (!process_) return;
      process_.kill(signal);
      await ended(process_);
      process_ = undefined;
    },
    async reboot() {
      await engine.halt();
      for (const pid of [...findProcesses((cmdline) => cmdline.includes(folder)), ...inside(folder), ...monitors(folder)]) kill(pid);
      await cleanUp(); // no holder of a pod, cgroup, link or rule outlives a reboot
      await until('all processes to be gone', () => inside(folder).length === 0);
      await unmountBelow(folder);
      for (const name of readdirSync(run)) rmSync(join(run, name), { recursive: true });
    },
    async destroy() {
      try {
        if (process_ && process_.exitCode === null) {
          const all = await engine.docker(['ps', '-aq']);
          const ids = all.stdout.split('\n').filter(Boolean);
          if (ids.length > 0) await engine.docker(['rm', '-f', '-v', ...ids], { timeout: 120_000 });
        }
        await engine.halt();
      } finally {
        for (const pid of [...findProcesses((cmdline) => cmdline.includes(folder)), ...monitors(folder)]) kill(pid);
        if (hasTasks(run)) await cleanUp();
        await unmountBelow(folder);
        await command('ip', ['netns', 'del', netns]);
        if (kind === 'dockerd') for (const group of dockerGroups()) if (!foreignGroups.includes(group)) removeGroup(group);
        if (!process.env['GANTRY_E2E_KEEP']) rmSync(folder, { recursive: true, force: true });
      }
    },
  };
  try {
    await options.before?.({ netns });
    await engine.start();
  } catch (error) {
    await engine.destroy();
    throw error;
  }
  return engine;
}

const storeOf = ({ containerdStore = false }: EngineOptions): string[] =>
  containerdStore ? ['--feature', 'containerd-snapshotter=true'] : ['--storage-driver', 'overlay2'];

/** dockerd keeps its containers in `docker` below every hierarchy's root, and leaves that there. */
function dockerGroups(): string[] {
  const root = '/sys/fs/cgroup';
  return [root, ...readdirSync(root).map((name) => join(root, name))].map((dir) => join(dir, 'docker')).filter((dir) => existsSync(dir));
}

function removeGroup(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // another dockerd has containers in it
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself
  }
}

async function unmountBelow(folder: string): Promise<void> {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
    const target = line.split(' ')[4] ?? '';
    if (target.startsWith(folder)) await command('umount', ['-l', target]);
  }
}

/** Processes of containers: in a mount namespace of their own, with mounts out of this folder. */
function inside(folder: string): number[] {
  const own = readlinkSync('/proc/self/ns/mnt');
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const isInside = /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/ns/mnt`) !== own;
      return isInside && readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(folder) ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}

/** Monitors, which are known by the files that they hold: those of plugins are left where a test failed, and everywhere by a reboot. */
function monitors(folder: string): number[] {
  return findProcesses((cmdline) => cmdline.includes('gantry-native')).filter((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${folder}/`));
    } catch {
      return false;
    }
  });
}

/** Whether a test left containers that docker does not list, or pods: a kubelet's, a builder's, ctr's, or all of them where no engine answered. */
function hasTasks(run: string): boolean {
  const tasks = join(run, 'tasks');
  const entries = (path: string): string[] => (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(path) : []);
  return entries(join(run, 'shim/holders')).length > 0 || entries(tasks).some((namespace) => entries(join(tasks, namespace)).length > 0);
}

function findProcesses(match: (cmdline: string) => boolean): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        return match(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')) ? [Number(pid)] : [];
      } catch {
        return [];
      }
    });
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _certs, NODE_OPTIONS: _options, DOCKER_HOST: _host, ...rest } = process.env;
  return rest;
}

async function must(file: string, args: string[]): Promise<void> {
  const result = await command(file, args);
  if (result.code !== 0) throw new Error(`${file} ${args.join(' ')}: ${result.stderr}`);
}

function ping(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: '/_ping', timeout: 2000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    call.on('error', () => resolve(false));
    call.on('timeout', () => call.destroy());
    call.end();
  });
}

/** Loads the small busybox image (busybox:latest) into an engine. */
export async function loadBusybox(engine: Engine): Promise<void> {
  const archive = join(engine.folder, 'busybox.tar');
  await must(pinnedNode, [join(projectRoot, 'tools/make-image.mjs'), '--out', archive]);
  const loaded = await engine.docker(['load', '-i', archive]);
  if (loaded.code !== 0) throw new Error(`docker load: ${loaded.stderr}`);
}
