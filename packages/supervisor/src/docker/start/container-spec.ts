import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { hostname as hostHostname } from 'node:os';
import type { Spec } from '@gantry/oci';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import { stateOf } from '../../core/phases';
import type { DockerContainer } from '../records';
import { buildSpec, type EngineFiles, type JoinedPids, resolveUser } from '@gantry/spec';
import type { Engine, Uses } from '../engine';
import { profileOf } from './apparmor';
import { withRequestedDevices } from './requested-devices';
import { userFiles } from './user-files';
import { networkFiles, writeNetworkFiles } from './files';
import { specRemap } from './remap';
import { ownerOf, requireJoined, type Shared } from '../connect/joined';
import { linkEnvironment, requireLinkedRunning } from '../connect/links';
import { commandOf } from '../create/merge-config';
import { shmDirectory } from './shm';

type Needs = Uses<{
  settings: true;
  records: 'dockerNamespace' | 'findDocker' | 'get' | 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
  trees: 'readFiles';
  volumes: 'getVolume';
  network: 'getStatus';
  looks: 'look';
  logger: true;
}>;

/** config.json of a container that is about to start, with the files that it mounts written. */
export async function containerSpec(
  engine: Needs,
  ctx: CallContext,
  id: string,
  docker: DockerContainer,
): Promise<{ spec: Spec; hostGateway: readonly string[] }> {
  const { config, hostConfig: asked } = docker;
  const host = asked === undefined ? undefined : withEngineDefaults(engine.settings, asked);
  if (config === undefined || host === undefined) throw invalidArgument(`container ${docker.name} has no configuration`);
  const joined = joinedPids(engine, id, docker);
  const owner = ownerOf(engine, { id, docker }, 'network');
  const hostname =
    owner?.id !== id
      ? (owner?.docker.config?.Hostname ?? '')
      : config.Hostname !== ''
        ? config.Hostname
        : host.NetworkMode === 'host' || host.UTSMode === 'host'
          ? hostHostname()
          : id.slice(0, 12);

  const users = userFiles(engine, ctx, id).then(({ passwd, group }) => [passwd, group] as const); // while the rest is written
  users.catch(() => undefined);
  requireLinkedRunning(engine, docker);
  const hostGateway = host.ExtraHosts.some((entry) => entry.endsWith('host-gateway')) ? await gatewayAddresses(engine, ctx) : [];
  if (owner?.id === id) writeNetworkFiles(engine, id, { ...docker, config: { ...config, Hostname: hostname } }, hostname, hostGateway);
  await devicesAnswer(engine, host);
  const spec = await buildSpec({
    id,
    command: commandOf(config),
    config: { ...config, Env: [...linkEnvironment(engine, docker), ...config.Env] },
    host,
    mounts: docker.mounts,
    hostname,
    user: resolveUser(config.User, host.GroupAdd, ...(await users)),
    files: {
      ...(owner === undefined ? {} : networkFiles(engine, owner.id)),
      ...initFile(engine, docker),
      ...(await shmDirectory(engine, id, docker)),
    },
    joined,
    remap: await specRemap(engine, ctx, docker, joined),
    cgroupVersion: engine.settings.cgroupVersion,
    defaultSeccomp: engine.settings.seccomp,
    apparmorProfile: await profileOf(host),
  });
  return { spec: await withRequestedDevices(engine, spec, host), hostGateway };
}

/** What the engine gives to every container that does not say; inspect does not show it, as docker's does not. */
function withEngineDefaults(settings: Engine['settings'], host: HostConfig): HostConfig {
  const saysPrivileges = host.SecurityOpt.some((option) => /^no-new-privileges(?:[=:]|$)/.test(option));
  return {
    ...host,
    CgroupParent: host.CgroupParent || settings.cgroupParent,
    Ulimits: [...host.Ulimits, ...settings.ulimits.filter(({ Name }) => !host.Ulimits.some((own) => own.Name === Name))],
    SecurityOpt: settings.noNewPrivileges && !saysPrivileges ? [...host.SecurityOpt, 'no-new-privileges'] : host.SecurityOpt,
  };
}

/** Devices may be named by paths outside of /dev: whoever reads them after this gets an answer. */
async function devicesAnswer({ looks }: Uses<{ looks: 'look' }>, host: HostConfig): Promise<void> {
  const limited = [
    host.BlkioWeightDevice,
    host.BlkioDeviceReadBps,
    host.BlkioDeviceWriteBps,
    host.BlkioDeviceReadIOps,
    host.BlkioDeviceWriteIOps,
  ];
  const paths = [...host.Devices.map((device) => device.PathOnHost), ...limited.flat().map((device) => device.Path)];
  for (const path of new Set(paths))
    await looks.look('exists', [path], { path, failure: `error gathering device information of "${path}"` });
}

function initFile(engine: Needs, docker: DockerContainer): Pick<EngineFiles, 'init'> {
  const wanted = docker.hostConfig?.Init ?? engine.settings.init;
  if (!wanted || docker.hostConfig?.PidMode === 'host') return {};
  if (engine.settings.initPath === undefined) throw invalidArgument('HostConfig.Init is not supported: no init binary is installed');
  return { init: engine.settings.initPath };
}

function joinedPids(engine: Needs, id: string, docker: DockerContainer): JoinedPids {
  const pidOf = (what: Shared): number | undefined => {
    const other = requireJoined(engine, id, docker, what);
    return other === undefined ? undefined : stateOf(other.docker).pid;
  };
  const [network, ipc, pid] = [pidOf('network'), pidOf('IPC'), pidOf('PID')];
  return { ...(network === undefined ? {} : { network }), ...(pid === undefined ? {} : { pid }), ...(ipc === undefined ? {} : { ipc }) };
}

async function gatewayAddresses(engine: Needs, ctx: CallContext): Promise<readonly string[]> {
  if (engine.settings.hostGatewayIps.length > 0) return engine.settings.hostGatewayIps;
  return (await engine.network.getStatus(ctx, {})).hostGatewayIps;
}
