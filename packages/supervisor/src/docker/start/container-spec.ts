import { hostname as hostHostname } from 'node:os';
import type { Spec } from '@gantry/oci';
import { syscalls } from '@gantry/linux';
import { type CallContext, conflict, invalidArgument, notImplemented } from '@gantry/rpc';
import { isRunning, stateOf } from '../../core/phases';
import type { DockerContainer } from '../records';
import {
  buildSpec,
  type EngineFiles,
  type JoinedPids,
  type Layers,
  layersOf,
  readLayeredFile,
  resolveUser,
  type ResolvedUser,
} from '@gantry/spec';
import type { Engine } from '../engine';
import { networkFiles, writeNetworkFiles } from './files';
import { specRemap } from './remap';
import { linkEnvironment, requireLinkedRunning } from '../connect/links';
import { commandOf } from '../create/merge-config';
import { shmDirectory } from './shm';
import { joinedContainer } from '../validate/validate-modes';

/** config.json of a container that is about to start, with the files that it mounts written. */
export async function containerSpec(
  engine: Engine,
  ctx: CallContext,
  id: string,
  docker: DockerContainer,
): Promise<{ spec: Spec; hostGateway: string }> {
  const { config, hostConfig: host } = docker;
  if (config === undefined || host === undefined) throw invalidArgument(`container ${docker.name} has no configuration`);
  const network = joinedContainer(host.NetworkMode);
  const owner = network === undefined ? undefined : engine.records.requireDocker(network);
  const hostname =
    owner !== undefined
      ? (owner.docker.config?.Hostname ?? '')
      : config.Hostname !== ''
        ? config.Hostname
        : host.NetworkMode === 'host' || host.UTSMode === 'host'
          ? hostHostname()
          : id.slice(0, 12);

  requireLinkedRunning(engine, docker);
  const hostGateway = host.ExtraHosts.some((entry) => entry.endsWith('host-gateway')) ? await gatewayAddress(engine, ctx) : '';
  if (owner === undefined) writeNetworkFiles(engine, id, { ...docker, config: { ...config, Hostname: hostname } }, hostname, hostGateway);
  const joined = joinedPids(engine, docker);
  const spec = await buildSpec({
    id,
    command: commandOf(config),
    config: { ...config, Env: [...linkEnvironment(engine, docker), ...config.Env] },
    host,
    mounts: docker.mounts,
    hostname,
    user: containerUser(docker),
    files: { ...networkFiles(engine, owner?.id ?? id), ...initFile(engine, docker), ...(await shmDirectory(engine, id, docker)) },
    joined,
    remap: await specRemap(engine, ctx, docker, joined),
    cgroupVersion: engine.settings.cgroupVersion,
    defaultSeccomp: engine.settings.seccomp,
  });
  return { spec, hostGateway };
}

/** The user of a stopped container: read from its layers, without mounting them. */
function containerUser(docker: DockerContainer): ResolvedUser {
  return userIn(
    docker.rootfs.length === 0 ? undefined : layersOf(docker.rootfs),
    docker.config?.User ?? '',
    docker.hostConfig?.GroupAdd ?? [],
  );
}

const isOpaque = (directory: string): boolean => syscalls.lgetxattr(directory, 'trusted.overlay.opaque')?.toString('latin1') === 'y';

function userIn(layers: Layers | undefined, user: string, groups: readonly string[]): ResolvedUser {
  if (layers === undefined)
    throw notImplemented('the snapshotter answered mounts that are neither one overlay nor one bind: users cannot be looked up');
  const read = (path: string): string => readLayeredFile(layers, path, isOpaque) ?? '';
  return resolveUser(user, groups, read('/etc/passwd'), read('/etc/group'));
}

function initFile(engine: Engine, docker: DockerContainer): Pick<EngineFiles, 'init'> {
  const wanted = docker.hostConfig?.Init ?? engine.settings.init;
  if (!wanted || docker.hostConfig?.PidMode === 'host') return {};
  if (engine.settings.initPath === undefined) throw invalidArgument('HostConfig.Init is not supported: no init binary is installed');
  return { init: engine.settings.initPath };
}

function joinedPids(engine: Engine, docker: DockerContainer): JoinedPids {
  const pidOf = (mode: string): number | undefined => {
    const ref = joinedContainer(mode);
    if (ref === undefined) return undefined;
    const { docker: other } = engine.records.requireDocker(ref);
    if (!isRunning(other))
      throw conflict(
        `cannot join network namespace of a non running container: ${other.name}`.replace(
          'network namespace',
          mode === docker.hostConfig?.NetworkMode ? 'network namespace' : 'namespace',
        ),
      );
    return stateOf(other).pid;
  };
  const host = docker.hostConfig;
  const [network, pid, ipc] = [pidOf(host?.NetworkMode ?? ''), pidOf(host?.PidMode ?? ''), pidOf(host?.IpcMode ?? '')];
  return { ...(network === undefined ? {} : { network }), ...(pid === undefined ? {} : { pid }), ...(ipc === undefined ? {} : { ipc }) };
}

async function gatewayAddress(engine: Engine, ctx: CallContext): Promise<string> {
  if (engine.settings.hostGatewayIp !== '') return engine.settings.hostGatewayIp;
  return (await engine.network.getStatus(ctx, {})).hostGatewayIp;
}
