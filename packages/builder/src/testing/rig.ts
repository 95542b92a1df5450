import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mount } from '@gantry/api/containerd/types/types';
import { detectCgroups, mountPointsBelow, readMountInfo } from '@gantry/linux';
import { newContext, silentLogger } from '@gantry/rpc';
import type { ContainerWish, ProcessWish } from '../executor/executor';
import { type ContainerdExecutor, makeExecutor } from '../executor/make-executor';
import type { ExecutorNeeds } from '../executor/needs';
import { connectServices, type Services } from '../worker/services';

const project = join(__dirname, '../../../..');

/** What a test of the rig may be without: a built tree, and root. */
export const canRun = existsSync(join(project, 'dist/lib/gantry/gantry.cjs')) && process.getuid?.() === 0;

/**
 * The services below the builder: those of the built tree, hosted by `gantry up` in a network namespace of its own. A containerd named by
 * GANTRY_BUILD_CONTAINERD (its socket) takes the place of supervisor, images and network.
 */
export class Rig {
  readonly folder = mkdtempSync(join(tmpdir(), 'gb-'));
  readonly netns = this.folder.slice(this.folder.lastIndexOf('/') + 1);
  readonly ctx = newContext({ logger: silentLogger });
  readonly image = join(this.folder, 'image');
  services!: Services & { close(): void };
  private engine: ChildProcess | undefined;
  private trees = 0;

  async start(): Promise<void> {
    this.makeImage();
    const foreign = process.env['GANTRY_BUILD_CONTAINERD'];
    const run = join(this.folder, 'run');
    mkdirSync(run);
    if (foreign === undefined) await this.up(run);
    const containerd = foreign ?? join(run, 'supervisor.sock');
    this.services = connectServices({
      addresses: { containerd, images: foreign ?? join(run, 'images.sock'), network: join(run, 'network.sock') },
      snapshotter: 'overlayfs',
      namespaces: { store: 'gantry', steps: `build-${this.netns}` },
    });
  }

  /** An executor as the service makes one. */
  executor(change: Partial<ExecutorNeeds['settings']> = {}): ContainerdExecutor {
    const { containers, tasks, network, inSteps, inStore } = this.services;
    return makeExecutor({
      containers,
      tasks,
      network: this.foreign ? undefined : network,
      inSteps,
      inStore,
      logger: silentLogger,
      settings: {
        directory: join(this.folder, 'steps'),
        runtime: 'io.containerd.runc.v2',
        cgroupParent: `/${this.netns}`,
        cgroupNamespace: '',
        oomScoreAdj: 0,
        defaultBridge: true,
        withoutNetworkService: 'none',
        dns: { file: '/etc/resolv.conf', servers: [], search: [], options: [] },
        cdiDirectories: [join(this.folder, 'cdi')],
        ...change,
      },
    });
  }

  /** A writable tree on the image (busybox), as a snapshotter gives it. */
  tree(...lower: string[]): { readonly mounts: Mount[]; readonly upper: string } {
    const base = join(this.folder, `tree${this.trees++}`);
    const [upper, work] = [join(base, 'upper'), join(base, 'work')];
    for (const path of [upper, work]) mkdirSync(path, { recursive: true });
    const options = ['index=off', `lowerdir=${[...lower, this.image].join(':')}`, `upperdir=${upper}`, `workdir=${work}`];
    return { mounts: [{ type: 'overlay', source: 'overlay', target: '', options }], upper };
  }

  /** Whether the services are those of another containerd, with no network service beside it. */
  readonly foreign = process.env['GANTRY_BUILD_CONTAINERD'] !== undefined;

  /** What is connected to the default network. */
  async endpoints(): Promise<readonly unknown[]> {
    if (this.foreign) return [];
    return (await this.services.network.getNetwork(this.ctx, { ref: 'bridge' })).network?.endpoints ?? [];
  }

  /** Mount points below the rig's folder: what a run leaves. */
  mounted(): string[] {
    return mountPointsBelow(this.folder, readMountInfo());
  }

  async stop(): Promise<void> {
    this.services?.close();
    if (this.engine !== undefined) {
      this.engine.kill('SIGTERM');
      if (this.engine.exitCode === null) await once(this.engine, 'exit');
    }
    for (const point of this.mounted()) execFileSync('umount', ['-l', point]);
    if (this.engine !== undefined) execFileSync('ip', ['netns', 'del', this.netns]);
    this.removeGroups();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The parent of our containers' cgroups, which are gone, in every hierarchy. */
  private removeGroups(): void {
    for (const { path } of detectCgroups().hierarchies)
      for (const group of [join(path, this.netns, 'buildkit'), join(path, this.netns)]) if (existsSync(group)) rmdirSync(group);
  }

  private async up(run: string): Promise<void> {
    execFileSync('ip', ['netns', 'add', this.netns]);
    execFileSync('ip', ['-n', this.netns, 'link', 'set', 'lo', 'up']);
    const log = openSync(join(this.folder, 'engine.log'), 'a');
    const program = [
      process.execPath,
      join(project, 'dist/lib/gantry/gantry.cjs'),
      'up',
      '--root',
      join(this.folder, 'data'),
      '--run',
      run,
    ];
    this.engine = spawn('nsenter', [`--net=/run/netns/${this.netns}`, ...program], { stdio: ['ignore', log, log] });
    for (let tries = 0; !existsSync(join(run, 'docker.sock')); tries++) {
      if (tries === 600 || this.engine.exitCode !== null)
        throw new Error(readFileSync(join(this.folder, 'engine.log'), 'utf8').slice(-2000));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  private makeImage(): void {
    for (const path of ['bin', 'etc', 'tmp', 'work']) mkdirSync(join(this.image, path), { recursive: true });
    chmodSync(join(this.image, 'tmp'), 0o1777);
    copyFileSync('/bin/busybox', join(this.image, 'bin/busybox'));
    for (const name of [
      'sh',
      'cat',
      'ls',
      'echo',
      'true',
      'false',
      'id',
      'stat',
      'sleep',
      'ip',
      'hostname',
      'mkdir',
      'rm',
      'ln',
      'mv',
      'touch',
      'wc',
      'grep',
      'mount',
      'env',
      'find',
      'kill',
      'stty',
      'head',
      'nc',
      'test',
      'chown',
      'chmod',
    ])
      symlinkSync('busybox', join(this.image, 'bin', name));
    writeFileSync(join(this.image, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/home/web:/bin/sh\n');
    writeFileSync(join(this.image, 'etc/group'), 'root:x:0:\nweb:x:1000:\nextra:x:2000:web\n');
  }
}

export const nothing: Omit<ContainerWish, 'root'> = {
  readonlyRoot: false,
  mounts: [],
  network: 'none',
  insecure: false,
  hostname: '',
  extraHosts: [],
  limits: [],
  cgroupParent: '',
  devices: [],
  removeStubsRecursive: false,
};

/** A process whose output is kept. */
export function kept(
  args: readonly string[],
  change: Partial<ProcessWish> = {},
): ProcessWish & { readonly out: () => string; readonly err: () => string } {
  const texts: Record<1 | 2, Buffer[]> = { 1: [], 2: [] };
  return {
    args,
    env: ['PATH=/bin'],
    cwd: '/',
    user: '',
    tty: false,
    output: (stream, data) => void texts[stream].push(data),
    ...change,
    out: () => Buffer.concat(texts[1]).toString(),
    err: () => Buffer.concat(texts[2]).toString(),
  };
}
