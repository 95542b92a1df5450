import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@gantry/rpc';
import { command, ended, until, type CommandOptions, type CommandResult } from './command';
import { startContainerd } from './containerd';
import { startEngine } from './engine';
import { removeGroups } from './groups';
import { type Host, makeHost } from './host';
import { bundles, pinnedNode, projectRoot } from './paths';
import { startRegistry } from './registry';

/** A builder on a containerd that is not its maker's, with a registry at 127.0.0.1:5000 that stands for the public one and has busybox. */
export interface SwappedBuilder {
  readonly folder: string;
  readonly registry: string;
  /** Runs `docker buildx`, whose only builder it is. */
  buildx(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  destroy(): Promise<void>;
}

/** Program of BuildKit's daemon that is put on our supervisor; empty: none. */
export const buildkitd = process.env['GANTRY_BUILDKITD'] ?? '';

/** The first of the folders whose containerd is of version 2 or later; '' is PATH. */
export function newContainerd(folders: readonly string[]): string | undefined {
  return folders.find((folder) => {
    try {
      const said = execFileSync(join(folder, 'containerd'), ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      return Number(/ v?(\d+)\.\d+\.\d+/.exec(said)?.[1] ?? 0) >= 2;
    } catch {
      return false;
    }
  });
}

/** gantry-build alone, on a containerd. */
export async function builderOnContainerd(programs: string): Promise<SwappedBuilder> {
  const host = await makeHost();
  const containerd = await startContainerd(undefined, programs);
  const config = join(host.folder, 'build.yaml');
  writeFileSync(
    config,
    [
      `containerd-address: ${containerd.address}`,
      `namespace: ${host.netns}`,
      `steps-namespace: ${containerd.namespace}`,
      `cgroup-parent: /${host.netns}`,
      'registry-mirrors: ["http://127.0.0.1:5000"]',
      '',
    ].join('\n'),
  );
  const roots = ['--root', join(host.folder, 'data'), '--run', join(host.folder, 'run'), '--config', config];
  const argv = [pinnedNode, join(bundles, 'gantry-build.cjs'), ...roots];
  return startBuilder(host, { argv, socket: join(host.folder, 'run/build.sock') }, async () => {
    await containerd.destroy();
    await removeGroups(`/${host.netns}`);
    await host.remove();
  });
}

/** BuildKit's daemon with its containerd worker, on our supervisor. */
export async function buildkitdOnSupervisor(program: string): Promise<SwappedBuilder> {
  const engine = await startEngine();
  const folder = join(engine.folder, 'buildkit');
  mkdirSync(folder);
  const config = join(folder, 'buildkitd.toml');
  const socket = join(folder, 'b.sock');
  writeFileSync(
    config,
    [
      `root = "${folder}/root"`,
      `[grpc]\naddress = ["unix://${socket}"]`,
      '[worker.oci]\nenabled = false',
      `[worker.containerd]\nenabled = true\naddress = "${engine.run}/supervisor.sock"\nnamespace = "buildkitd"\ngc = false\ndefaultCgroupParent = "/${engine.netns}"`,
      '[registry."docker.io"]\nmirrors = ["127.0.0.1:5000"]',
      '[registry."127.0.0.1:5000"]\nhttp = true',
      '',
    ].join('\n'),
  );
  return startBuilder({ ...engine, folder }, { argv: [program, '--config', config], socket }, async () => {
    await engine.destroy();
    await removeGroups(`/${engine.netns}`);
  });
}

interface Started {
  readonly argv: readonly string[];
  readonly socket: string;
}

async function startBuilder(
  host: Pick<Host, 'folder' | 'netns' | 'onHost'>,
  { argv, socket }: Started,
  remove: () => Promise<void>,
): Promise<SwappedBuilder> {
  const log = join(host.folder, 'builder.log');
  const out = openSync(log, 'a');
  const inNet = [`--net=/run/netns/${host.netns}`];
  const child: ChildProcess = spawn('nsenter', [...inNet, ...argv], { stdio: ['ignore', out, out], detached: true });
  child.on('error', () => undefined);
  const env = { ...process.env, BUILDX_CONFIG: join(host.folder, 'buildx'), BUILDX_BUILDER: 'swapped' };
  const registry = await startRegistry(host);
  const self: SwappedBuilder = {
    folder: host.folder,
    registry: registry.name,
    buildx: (args, options) => command('docker', ['buildx', ...args], { timeout: 120_000, ...options, env: { ...env, ...options?.env } }),
    async destroy() {
      child.kill();
      await ended(child);
      await registry.stop();
      await remove();
    },
  };
  try {
    await until(`a builder to listen (see ${log})`, () => {
      if (child.exitCode !== null) throw new Error(`the builder ended at once:\n${readFileSync(log, 'utf8').slice(-4000)}`);
      return existsSync(socket);
    });
    const connection = connect(socket, { local: false });
    await connection.ready(60_000);
    connection.close();
    await loadRegistry(host, registry.name);
    await self.buildx(['create', '--name', 'swapped', '--driver', 'remote', `unix://${socket}`]);
  } catch (error) {
    await self.destroy();
    throw error;
  }
  return self;
}

async function loadRegistry({ folder, onHost }: Pick<Host, 'folder' | 'onHost'>, registry: string): Promise<void> {
  const archive = join(folder, 'busybox.tar');
  const made = await command(pinnedNode, [join(projectRoot, 'tools/make-image.mjs'), '--out', archive]);
  if (made.code !== 0) throw new Error(made.stderr);
  const to = `docker://${registry}/library/busybox:latest`;
  const copied = await onHost('skopeo', ['copy', '-q', '--dest-tls-verify=false', `docker-archive:${archive}`, to]);
  if (copied.code !== 0) throw new Error(`skopeo copy: ${copied.stderr}`);
}
