import type { InspectRequest, InspectResponse } from '@gantry/api/gantry/engine/v1/containers';
import {
  ContainerInspectResponse,
  type MountPoint,
  type NetworkSettings,
  type OCIDescriptor,
  type PortBindings,
} from '@gantry/api/gantry/engine/v1/types';
import { type CallContext, ignore } from '@gantry/rpc';
import { isRunning, stateOf } from '../../core/phases';
import type { DockerContainer, MountRecord } from '../records';
import { dockerStatus } from '../status';
import { defaultMaskedPaths, defaultReadonlyPaths } from '@gantry/oci';
import { join } from 'node:path';
import { bundleDir } from '../../core/places';
import { inDockerNamespace, logPath, type Uses } from '../engine';
import { networkMode } from '../create/networks';
import { shownProfile } from '../start/apparmor';
import { networkFiles } from '../start/files';
import { hasPorts } from '../connect/driver-of';
import { ownerOf } from '../connect/joined';
import { shownLinks } from '../connect/links';
import { sizesOf } from './sizes';
import { ZERO_TIME } from '../../core/time';
import { mountsSeen } from '../update/plan-mounts';

type Needs = Uses<{
  settings: 'dataRoot' | 'dns' | 'dnsOptions' | 'dnsSearch' | 'resolvConf' | 'runRoot';
  records: 'dockerNamespace' | 'findDocker' | 'get' | 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
  images: 'resolve';
  trees: 'getWritten';
  execs: 'idsOf';
  face: 'namespace';
}>;

/** GET /containers/{id}/json. */
export async function inspectContainer(engine: Needs, caller: CallContext, request: InspectRequest): Promise<InspectResponse> {
  const { id, docker } = engine.records.requireDocker(request.id);
  const state = stateOf(docker);
  const config = docker.config;
  const host = docker.hostConfig;
  const files = networkFiles(engine, ownerOf(engine, { id, docker }, 'network')?.id ?? id);
  const [path = '', ...args] = [...(config?.Entrypoint?.items ?? []), ...(config?.Cmd?.items ?? [])];
  const sizes = request.size ? await sizesOf(engine, inDockerNamespace(engine, caller), id, docker).catch(ignore('notFound')) : undefined;
  const status = dockerStatus(docker);
  const unmasked = host?.Privileged === true;
  const container = ContainerInspectResponse.create({
    Id: id,
    Created: docker.created,
    Path: path,
    Args: args,
    State: {
      Status: status,
      Running: status === 'running' || status === 'paused' || status === 'restarting',
      Paused: status === 'paused',
      Restarting: status === 'restarting',
      OOMKilled: state.oomKilled,
      Dead: status === 'dead',
      Pid: BigInt(isRunning(docker) ? state.pid : 0),
      ExitCode: state.exitCode,
      Error: state.error,
      StartedAt: state.startedAt || ZERO_TIME,
      FinishedAt: state.finishedAt || ZERO_TIME,
      Health: docker.health,
    },
    Image: docker.imageId,
    ResolvConfPath: state.startedAt === '' ? '' : files.resolvConf,
    HostnamePath: state.startedAt === '' ? '' : files.hostname,
    HostsPath: state.startedAt === '' ? '' : files.hosts,
    LogPath: host?.LogConfig?.Type !== 'json-file' || state.startedAt === '' ? '' : logPath(engine, id),
    Name: `/${docker.name}`,
    RestartCount: state.restartCount,
    Driver: engine.records.get(engine.records.dockerNamespace, id)?.snapshotter ?? '',
    Platform: docker.platform,
    ImageManifestDescriptor: manifestDescriptor(docker),
    AppArmorProfile: host === undefined ? '' : shownProfile(host),
    ExecIDs: engine.execs.idsOf(id),
    HostConfig:
      host === undefined
        ? undefined
        : {
            ...host,
            Links: shownLinks(engine, docker),
            MaskedPaths: host.MaskedPaths ?? (unmasked ? undefined : { items: [...defaultMaskedPaths] }),
            ReadonlyPaths: host.ReadonlyPaths ?? (unmasked ? undefined : { items: [...defaultReadonlyPaths] }),
          },
    GraphDriver: { Name: 'overlay2', Data: { ...graphData(docker), MergedDir: join(bundleDir(engine, id), 'rootfs') } },
    Storage: { RootFS: { Snapshot: { Name: engine.records.get(engine.records.dockerNamespace, id)?.snapshotter ?? '' } } },
    ...(sizes === undefined ? {} : { SizeRw: sizes.rw, SizeRootFs: sizes.rootFs }),
    Mounts: shownMounts(docker),
    Config: config && { ...config, MacAddress: config.MacAddress || askedMac(docker) },
    NetworkSettings: networkSettings(id, docker),
  });
  return { container };
}

/** That of the main network, which was the container's once. */
function askedMac({ hostConfig, endpoints, askedMacs, state }: DockerContainer): string {
  const main = networkMode(hostConfig?.NetworkMode ?? '');
  return askedMacs[main] ?? (state?.startedAt === '' ? (endpoints[main]?.MacAddress ?? '') : '');
}

function graphData(docker: DockerContainer): Record<string, string> {
  const options = docker.rootfs[0]?.options ?? [];
  const option = (name: string): string => options.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  return docker.rootfs[0]?.type === 'overlay'
    ? { LowerDir: option('lowerdir'), UpperDir: option('upperdir'), WorkDir: option('workdir') }
    : {};
}

/** What inspect and lists show of the mounts: a file system of --tmpfs is told in HostConfig.Tmpfs alone, one of --mount here. */
export function shownMounts(docker: DockerContainer): MountPoint[] {
  return mountsSeen(docker)
    .filter(({ type, fromMounts }) => type !== 'tmpfs' || fromMounts)
    .map(mountPoint);
}

function mountPoint(mount: MountRecord): MountPoint {
  return {
    Type: mount.type,
    Name: mount.name,
    Source: mount.source,
    Destination: mount.destination,
    Driver: mount.type === 'volume' ? mount.driver : '',
    Mode: mount.mode,
    RW: mount.rw,
    Propagation: mount.propagation,
  };
}

/** Published and exposed ports; an exposed port without a host port has no bindings. */
export function shownPorts(docker: DockerContainer): Record<string, PortBindings> {
  if (!isRunning(docker)) return {};
  const exposed = [...Object.keys(docker.config?.ExposedPorts ?? {}), ...Object.keys(docker.hostConfig?.PortBindings ?? {})];
  const names = hasPorts(docker) ? exposed.map((port) => (port.includes('/') ? port : `${port}/tcp`)) : [];
  return { ...Object.fromEntries(names.map((name) => [name, { items: [] }])), ...docker.ports };
}

function networkSettings(id: string, docker: DockerContainer): NetworkSettings {
  const bridge = docker.endpoints['bridge'];
  return {
    Bridge: '',
    SandboxID: isRunning(docker) ? id : '',
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0n,
    Ports: shownPorts(docker),
    SandboxKey: isRunning(docker) ? `/proc/${stateOf(docker).pid}/ns/net` : '',
    SecondaryIPAddresses: [],
    SecondaryIPv6Addresses: [],
    EndpointID: bridge?.EndpointID ?? '',
    Gateway: bridge?.Gateway ?? '',
    GlobalIPv6Address: bridge?.GlobalIPv6Address ?? '',
    GlobalIPv6PrefixLen: bridge?.GlobalIPv6PrefixLen ?? 0n,
    IPAddress: bridge?.IPAddress ?? '',
    IPPrefixLen: bridge?.IPPrefixLen ?? 0n,
    IPv6Gateway: bridge?.IPv6Gateway ?? '',
    MacAddress: bridge?.MacAddress ?? '',
    Networks: docker.endpoints,
  };
}

/** The manifest that the container runs, with its platform. */
export function manifestDescriptor({ imageManifest, imagePlatform }: DockerContainer): OCIDescriptor | undefined {
  if (imageManifest === undefined) return undefined;
  const { mediaType, digest, size, annotations } = imageManifest;
  return { mediaType, digest, size, annotations, urls: [], platform: imagePlatform };
}
