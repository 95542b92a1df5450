import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, ended, until, type CommandOptions, type CommandResult } from './command';
import { removeGroups } from './groups';
import { pinnedNode, projectRoot } from './paths';

/** Debian's containerd on roots and a socket of its own, with busybox imported. */
export interface Containerd {
  /** Folder of everything that it owns; also first on its PATH, so that shims laid there are found. */
  readonly folder: string;
  readonly address: string;
  /** The one namespace that the test uses; cgroups lie below it. */
  readonly namespace: string;
  readonly state: string;
  readonly log: string;
  ctr(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** ctr that must succeed; answers stdout. */
  ok(...args: string[]): Promise<string>;
  /** A ctr on a terminal of its own (util-linux's script); what is typed goes to its stdin. */
  terminal(args: readonly string[], input?: string): Promise<CommandResult>;
  /** Follows the events; each is one line of `ctr events`. */
  events(): { readonly lines: readonly string[]; stop(): Promise<void> };
  /** Processes whose command line names our folder, containerd itself aside. */
  others(): { pid: number; line: string }[];
  start(): Promise<void>;
  halt(signal?: NodeJS.Signals): Promise<void>;
  destroy(): Promise<void>;
}

export const busybox = 'docker.io/library/busybox:latest';

/** Folders of the containerds that a suite for all of them runs on: Debian's on the PATH, and a newer one where GANTRY_CONTAINERD names its folder. */
export const containerds: readonly string[] = ['', ...(process.env['GANTRY_CONTAINERD'] ? [process.env['GANTRY_CONTAINERD']] : [])];

/** Starts containerd; `prepare` gets its folder before (to lay shims and runtimes there). programs: a folder that comes before the PATH. */
export async function startContainerd(prepare: (folder: string) => void = () => undefined, programs = ''): Promise<Containerd> {
  const folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-`));
  const namespace = folder.slice(folder.lastIndexOf('/') + 1);
  const address = join(folder, 'containerd.sock');
  const state = join(folder, 'state');
  const log = join(folder, 'containerd.log');
  const config = join(folder, 'config.toml');
  mkdirSync(join(folder, 'root'));
  writeFileSync(
    config,
    `version = 2\nroot = "${folder}/root"\nstate = "${state}"\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]\n[grpc]\naddress = "${address}"\n[debug]\nlevel = "info"\n`,
  );
  prepare(folder);
  const path = [folder, programs, process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].filter((part) => part !== '').join(':');
  const program = (name: string): string => (programs === '' ? name : join(programs, name));
  const base = ['-a', address, '-n', namespace];
  let child: ChildProcess | undefined;

  const self: Containerd = {
    folder,
    address,
    namespace,
    state,
    log,
    ctr: (args, options) => command(program('ctr'), [...base, ...args], { timeout: 60_000, ...options }),
    async ok(...args) {
      const result = await self.ctr(args);
      if (result.code !== 0) throw new Error(`ctr ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
      return result.stdout;
    },
    terminal: (args, input = '') => {
      const line = [program('ctr'), ...base, ...args].map((arg) => `'${arg}'`).join(' ');
      return command('script', ['-qefc', `stty rows 33 cols 101; exec ${line}`, '/dev/null'], {
        input,
        timeout: 60_000,
        env: { ...process.env, SHELL: '/bin/sh' },
      });
    },
    events() {
      const lines: string[] = [];
      const watcher = spawn(program('ctr'), [...base, 'events'], { stdio: ['ignore', 'pipe', 'ignore'] });
      let rest = '';
      watcher.stdout.on('data', (chunk: Buffer) => {
        const parts = (rest + chunk.toString()).split('\n');
        rest = parts.pop() ?? '';
        lines.push(...parts);
      });
      return {
        lines,
        stop: async () => {
          watcher.kill();
          await ended(watcher);
        },
      };
    },
    others: () => processesOf(folder).filter(({ pid }) => pid !== child?.pid),
    async start() {
      const out = openSync(log, 'a');
      child = spawn(program('containerd'), ['-c', config], {
        stdio: ['ignore', out, out],
        env: { ...process.env, PATH: path },
        detached: true,
      });
      child.on('error', () => undefined);
      await until(`containerd to answer (see ${log})`, async () => {
        if (child?.exitCode !== null) throw new Error(`containerd ended at once:\n${readFileSync(log, 'utf8').slice(-4000)}`);
        return existsSync(address) && (await self.ctr(['version'])).code === 0;
      });
    },
    async halt(signal = 'SIGTERM') {
      if (child === undefined) return;
      child.kill(signal);
      await ended(child);
      child = undefined;
    },
    async destroy() {
      try {
        if (child?.exitCode === null) {
          for (const id of (await self.ctr(['tasks', 'ls', '-q'])).stdout.split('\n').filter(Boolean))
            await self.ctr(['tasks', 'rm', '-f', id]);
          for (const id of (await self.ctr(['containers', 'ls', '-q'])).stdout.split('\n').filter(Boolean))
            await self.ctr(['containers', 'rm', id]);
        }
        await self.halt();
      } finally {
        for (const { pid } of processesOf(folder)) kill(pid);
        for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
          const target = line.split(' ')[4] ?? '';
          if (target.startsWith(`${folder}/`)) await command('umount', ['-l', target]);
        }
        await removeGroups(`/${namespace}`);
        if (!process.env['GANTRY_E2E_KEEP']) rmSync(folder, { recursive: true, force: true });
      }
    },
  };
  try {
    await self.start();
    const archive = join(folder, 'busybox.tar');
    const made = await command(pinnedNode, [join(projectRoot, 'tools/make-image.mjs'), '--out', archive]);
    if (made.code !== 0) throw new Error(made.stderr);
    await self.ok('images', 'import', archive);
  } catch (error) {
    await self.destroy();
    throw error;
  }
  return self;
}

function processesOf(folder: string): { pid: number; line: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(folder) ? [{ pid: Number(name), line }] : [];
      } catch {
        return []; // it ended
      }
    });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself
  }
}
