import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, ended, until, type CommandResult } from './command';
import type { Engine } from './engine';
import { removeGroups } from './groups';

/** Folder of a dockerd with the containerd image store (28 or newer), with docker, docker-buildx, docker-proxy and docker-init beside it. */
export const newDockerd = process.env['GANTRY_DOCKERD'] ?? '';

/** What the folder lacks of what is needed; empty: all is there. */
export const missingOfDockerd = (): string =>
  newDockerd === ''
    ? 'GANTRY_DOCKERD, a folder with dockerd 28 and docker'
    : ['dockerd', 'docker', 'docker-buildx']
        .filter((name) => !existsSync(join(newDockerd, name)))
        .map((name) => `${name} in ${newDockerd}`)
        .join(', ');

/** A real dockerd whose containerd is an engine's supervisor. */
export interface DockerdAbove {
  readonly folder: string;
  docker(...args: string[]): Promise<CommandResult>;
  /** docker that must succeed; answers stdout without the last newline. */
  ok(...args: string[]): Promise<string>;
  destroy(): Promise<void>;
}

/** Starts it on the network that the engine calls its host's. */
export async function startDockerdAbove(engine: Engine): Promise<DockerdAbove> {
  const folder = join(engine.folder, 'dockerd');
  const plugins = join(folder, 'cli/cli-plugins');
  const [socket, log, config] = [join(folder, 'docker.sock'), join(folder, 'dockerd.log'), join(folder, 'daemon.json')];
  mkdirSync(plugins, { recursive: true });
  symlinkSync(join(newDockerd, 'docker-buildx'), join(plugins, 'docker-buildx'));
  writeFileSync(join(folder, 'cli/config.json'), '{}');
  writeFileSync(
    config,
    JSON.stringify({
      features: { 'containerd-snapshotter': true },
      containerd: join(engine.run, 'supervisor.sock'),
      'data-root': join(folder, 'data'),
      'exec-root': join(folder, 'exec'),
      pidfile: join(folder, 'pid'),
      hosts: [`unix://${socket}`],
      'cgroup-parent': `/${engine.netns}`,
      'exec-opts': ['native.cgroupdriver=cgroupfs'],
    }),
  );
  const path = `${newDockerd}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const out = openSync(log, 'a');
  const child: ChildProcess = spawn('nsenter', [`--net=/run/netns/${engine.netns}`, join(newDockerd, 'dockerd'), '--config-file', config], {
    stdio: ['ignore', out, out],
    env: { PATH: path, DOCKER_IGNORE_BR_NETFILTER_ERROR: '1' },
    detached: true,
  });
  const self: DockerdAbove = {
    folder,
    docker: (...args) =>
      command(join(newDockerd, 'docker'), ['-H', `unix://${socket}`, ...args], {
        timeout: 180_000,
        env: { PATH: path, HOME: folder, DOCKER_CONFIG: join(folder, 'cli') },
      }),
    async ok(...args) {
      const result = await self.docker(...args);
      if (result.code !== 0) throw new Error(`docker ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
      return result.stdout.replace(/\n$/, '');
    },
    async destroy() {
      const ids = (await self.docker('ps', '-aq')).stdout.split('\n').filter(Boolean);
      if (ids.length > 0) await self.docker('rm', '-f', '-v', ...ids);
      child.kill();
      await ended(child);
      await removeGroups(`/${engine.netns}`);
    },
  };
  await until(
    `dockerd to answer (see ${log})`,
    async () => {
      if (child.exitCode !== null) throw new Error(`dockerd ended at once:\n${readFileSync(log, 'utf8').slice(-4000)}`);
      return existsSync(socket) && (await self.docker('version')).code === 0;
    },
    120_000,
  );
  return self;
}
