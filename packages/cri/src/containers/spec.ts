import { mkdir, stat } from 'node:fs/promises';
import { isAbsolute, posix } from 'node:path';
import { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { ContainerConfig as EngineConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import {
  type ContainerConfig,
  type LinuxContainerSecurityContext,
  MountPropagation,
  NamespaceMode,
  type NamespaceOption,
} from '@gantry/api/runtime/v1/api';
import { hasCode } from '@gantry/linux';
import type { ImageContainerConfig, LinuxNamespace, Mount, Process, Spec } from '@gantry/oci';
import { compileSeccomp, defaultSeccompProfile } from '@gantry/oci/seccomp';
import { buildSpec, capabilityName, effectiveCapabilities, type KnownDevice, type ResolvedUser, withDevices } from '@gantry/spec';
import { unknown } from '../failures';
import { hostnameOf, type PodPlaces } from '../sandboxes/files';
import { isHostNetwork, namespacesOf, type Pod } from '../sandboxes/pod';
import { hostCgroups } from './host-cgroups';
import { possibleScore } from './oom-score';
import { idsOf, rangeOf } from '../sandboxes/userns';
import { cgroupOf, resourcesOf } from './resources';
import { seccompOf } from './seccomp';

export interface SpecWish {
  readonly id: string;
  readonly pod: Pod;
  /** Holder of the pod's namespaces. */
  readonly holder: number;
  /** First process of the container whose processes this one sees (NamespaceMode TARGET). */
  readonly target: number;
  readonly places: PodPlaces;
  readonly config: ContainerConfig;
  readonly image: ImageContainerConfig;
  readonly user: ResolvedUser;
  readonly systemd: boolean;
  /** Where on the host the images are that it mounts, by their place in the container. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Likewise the volumes that its image declares. */
  readonly declared: ReadonlyMap<string, string>;
  /** Devices that it asks for by name, and the profile of AppArmor that it is under. */
  readonly devices: readonly KnownDevice[];
  readonly apparmor: string | undefined;
}

/** A container's config.json: the engine's own way of making one, in kubelet's words. */
export async function specOf(wish: SpecWish): Promise<Spec> {
  const { id, pod, config, image, user, places } = wish;
  const security = config.linux?.securityContext;
  const profile = await seccompOf(security);
  const capAdd = security?.capabilities?.addCapabilities ?? [];
  const capDrop = security?.capabilities?.dropCapabilities ?? [];
  const ids = idsOf(pod.config);
  const privileged = security?.privileged === true;
  const hostIpc = namespacesOf(pod.config).ipc === NamespaceMode.NODE;
  const host = HostConfig.fromPartial({
    NetworkMode: 'host', // namespaces and their sysctls are the pod's
    UTSMode: 'host',
    IpcMode: hostIpc ? 'host' : '',
    Privileged: privileged,
    ReadonlyRootfs: security?.readonlyRootfs === true,
    CapAdd: capAdd,
    CapDrop: capDrop,
    OomScoreAdj: await possibleScore(config.linux?.resources?.oomScoreAdj ?? 0n),
    MaskedPaths: { items: security?.maskedPaths ?? [] },
    ReadonlyPaths: { items: security?.readonlyPaths ?? [] },
    SecurityOpt: ['seccomp=unconfined', ...(security?.noNewPrivs === true ? ['no-new-privileges'] : [])],
    Devices: config.devices.map((device) => ({
      PathOnHost: device.hostPath,
      PathInContainer: device.containerPath,
      CgroupPermissions: device.permissions,
    })),
  });
  const spec = await buildSpec({
    id,
    command: commandOf(config, image),
    config: EngineConfig.fromPartial({
      Tty: config.tty,
      Env: [...(image.Env ?? []), ...config.envs.map(({ key, value }) => `${key}=${Buffer.from(value).toString()}`)],
      WorkingDir: config.workingDir || image.WorkingDir || '/',
    }),
    host,
    mounts: [
      ...[...wish.declared].map(([destination, source]) => MountRecord.fromPartial({ type: 'bind', source, destination, rw: true })),
      ...(await Promise.all(config.mounts.map((mount) => mountOf(mount, wish.volumes)))),
    ],
    files: {
      resolvConf: `${places.folder}/resolv.conf`,
      hostname: `${places.folder}/hostname`,
      hosts: `${places.folder}/hosts`,
      ...(hostIpc ? {} : { shm: places.shm }),
    },
    user,
    hostname: hostnameOf(pod.config),
    joined: {},
    remap: ids === undefined ? undefined : { ...ids, volumes: new Set(wish.declared.keys()), joined: wish.holder },
    cgroupVersion: hostCgroups().mode === 'v2' ? 2 : 1,
    defaultSeccomp: 'unconfined',
  });
  const compiled = profile === 'unconfined' ? undefined : profile === 'default' ? defaultSeccompProfile() : profile;
  const { devices } = spec.linux?.resources ?? {};
  const made: Spec = {
    ...spec,
    ...(spec.process === undefined ? {} : { process: processOf(spec.process, security, wish.apparmor) }),
    mounts: (spec.mounts ?? []).map((mount) => seenThrough(mount, config)),
    annotations: annotationsOf(wish),
    linux: {
      ...spec.linux,
      sysctl: {},
      namespaces: namespaces(wish),
      cgroupsPath: cgroupOf(pod.config.linux?.cgroupParent ?? '', id, wish.systemd),
      resources: {
        ...(config.linux?.resources === undefined ? {} : resourcesOf(config.linux.resources)),
        ...(devices === undefined ? {} : { devices }),
      },
      ...(compiled === undefined ? {} : { seccomp: compileSeccomp(compiled, effectiveCapabilities(capAdd, capDrop, privileged)) }),
    },
  };
  return withDevices(made, wish.devices);
}

/** Ambient capabilities stay over an execve, whoever runs: they are in every set. */
function processOf(process: Process, security: LinuxContainerSecurityContext | undefined, apparmorProfile: string | undefined): Process {
  const ambient = (security?.capabilities?.addAmbientCapabilities ?? []).map((name) => capabilityName(name, 'add_ambient_capabilities'));
  const with_ = (names: readonly string[] = []): string[] => [...new Set([...names, ...ambient])];
  const { bounding, effective, permitted, inheritable } = process.capabilities ?? {};
  const sets = {
    bounding: with_(bounding),
    effective: with_(effective),
    permitted: with_(permitted),
    inheritable: with_(inheritable),
    ambient,
  };
  return {
    ...process,
    ...(ambient.length === 0 ? {} : { capabilities: sets }),
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
  };
}

/** A volume's options and its own map of ids, which is kubelet's way of giving a volume to whoever the pod's users are on the host. */
function seenThrough(mount: Mount, config: ContainerConfig): Mount {
  const asked = config.mounts.find(({ containerPath }) => placeOf(containerPath) === mount.destination);
  if (asked === undefined) return mount;
  const { uidMappings, gidMappings, mountOptions } = asked;
  return {
    ...mount,
    ...(mountOptions.length === 0 ? {} : { options: [...(mount.options ?? []), ...mountOptions] }),
    ...(uidMappings.length === 0 ? {} : { uidMappings: uidMappings.map(rangeOf), gidMappings: gidMappings.map(rangeOf) }),
  };
}

const placeOf = (path: string): string => posix.normalize(posix.join('/', path));

/** kubelet's command stands in the entrypoint's place, and then the image's arguments say nothing. */
export function commandOf(config: Pick<ContainerConfig, 'command' | 'args'>, image: ImageContainerConfig): [string, ...string[]] {
  const entry = config.command.length > 0 ? config.command : (image.Entrypoint ?? []);
  const rest = config.args.length > 0 || config.command.length > 0 ? config.args : (image.Cmd ?? []);
  const [first, ...others] = [...entry, ...rest];
  if (first === undefined) throw unknown('no command specified');
  return [first, ...others];
}

const propagations: Readonly<Record<MountPropagation, string>> = {
  [MountPropagation.PROPAGATION_PRIVATE]: 'rprivate',
  [MountPropagation.PROPAGATION_HOST_TO_CONTAINER]: 'rslave',
  [MountPropagation.PROPAGATION_BIDIRECTIONAL]: 'rshared',
};

/** A source that is not there becomes a directory, as kubelet's volumes of the host have it. */
async function mountOf(mount: ContainerConfig['mounts'][number], volumes: ReadonlyMap<string, string>): Promise<MountRecord> {
  const destination = placeOf(mount.containerPath);
  const volume = volumes.get(destination);
  if (volume !== undefined)
    return MountRecord.fromPartial({ type: 'bind', source: volume, destination, rw: false, readOnlyForceRecursive: true });
  if (!isAbsolute(mount.hostPath)) throw unknown(`mount "${mount.containerPath}": host_path "${mount.hostPath}" is not absolute`);
  await stat(mount.hostPath).catch(async (error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error;
    await mkdir(mount.hostPath, { recursive: true, mode: 0o755 });
  });
  return MountRecord.fromPartial({
    type: 'bind',
    source: mount.hostPath,
    destination,
    rw: !mount.readonly,
    propagation: propagations[mount.propagation],
    readOnlyNonRecursive: !mount.recursiveReadOnly,
    readOnlyForceRecursive: mount.recursiveReadOnly,
  });
}

function namespaces({ pod, holder, target, config }: SpecWish): LinuxNamespace[] {
  const pods = namespacesOf(pod.config);
  const options: NamespaceOption = config.linux?.securityContext?.namespaceOptions ?? pods;
  const ofPod = (type: 'network' | 'uts' | 'ipc' | 'pid'): LinuxNamespace => ({
    type,
    path: `/proc/${holder}/ns/${type === 'network' ? 'net' : type}`,
  });
  const result: LinuxNamespace[] = [{ type: 'mount' }];
  if (idsOf(pod.config) !== undefined) result.push({ type: 'user', path: `/proc/${holder}/ns/user` });
  if (!isHostNetwork(pod.config)) result.push(ofPod('network'), ofPod('uts'));
  if (pods.ipc === NamespaceMode.POD) result.push(ofPod('ipc'));
  if (options.pid === NamespaceMode.TARGET) result.push({ type: 'pid', path: `/proc/${target}/ns/pid` });
  else if (options.pid === NamespaceMode.CONTAINER || pods.pid === NamespaceMode.CONTAINER) result.push({ type: 'pid' });
  else if (pods.pid === NamespaceMode.POD) result.push(ofPod('pid'));
  if (hostCgroups().mode === 'v2' && config.linux?.securityContext?.privileged !== true) result.push({ type: 'cgroup' });
  return result;
}

/** What tools that look into config.json know containers of pods by. */
function annotationsOf({ pod, config }: SpecWish): Record<string, string> {
  const { metadata } = pod.config;
  return {
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.container-name': config.metadata?.name ?? '',
    'io.kubernetes.cri.image-name': config.image?.image ?? '',
    'io.kubernetes.cri.sandbox-id': pod.id,
    'io.kubernetes.cri.sandbox-name': metadata?.name ?? '',
    'io.kubernetes.cri.sandbox-namespace': metadata?.namespace ?? '',
    'io.kubernetes.cri.sandbox-uid': metadata?.uid ?? '',
  };
}
