import { mkdir, stat } from 'node:fs/promises';
import { isAbsolute, posix } from 'node:path';
import { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { ContainerConfig as EngineConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { type ContainerConfig, MountPropagation, NamespaceMode, type NamespaceOption } from '@gantry/api/runtime/v1/api';
import { detectCgroups, hasCode } from '@gantry/linux';
import type { ImageContainerConfig, LinuxNamespace, Spec } from '@gantry/oci';
import { compileSeccomp, defaultSeccompProfile } from '@gantry/oci/seccomp';
import { buildSpec, effectiveCapabilities, type ResolvedUser } from '@gantry/spec';
import { unknown } from '../failures';
import { hostnameOf, type PodPlaces } from '../sandboxes/files';
import { isHostNetwork, namespacesOf, type Pod } from '../sandboxes/pod';
import { possibleScore } from './oom-score';
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
}

/** A container's config.json: the engine's own way of making one, in kubelet's words. */
export async function specOf(wish: SpecWish): Promise<Spec> {
  const { id, pod, config, image, user, places } = wish;
  const security = config.linux?.securityContext;
  const profile = await seccompOf(security);
  const capAdd = security?.capabilities?.addCapabilities ?? [];
  const capDrop = security?.capabilities?.dropCapabilities ?? [];
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
    mounts: await Promise.all(config.mounts.map(mountOf)),
    files: {
      resolvConf: `${places.folder}/resolv.conf`,
      hostname: `${places.folder}/hostname`,
      hosts: `${places.folder}/hosts`,
      ...(hostIpc ? {} : { shm: places.shm }),
    },
    user,
    hostname: hostnameOf(pod.config),
    joined: {},
    cgroupVersion: detectCgroups().mode === 'v2' ? 2 : 1,
    defaultSeccomp: 'unconfined',
  });
  const compiled = profile === 'unconfined' ? undefined : profile === 'default' ? defaultSeccompProfile() : profile;
  const { devices } = spec.linux?.resources ?? {};
  return {
    ...spec,
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
}

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
async function mountOf(mount: ContainerConfig['mounts'][number]): Promise<MountRecord> {
  if (!isAbsolute(mount.hostPath)) throw unknown(`mount "${mount.containerPath}": host_path "${mount.hostPath}" is not absolute`);
  await stat(mount.hostPath).catch(async (error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error;
    await mkdir(mount.hostPath, { recursive: true, mode: 0o755 });
  });
  return MountRecord.fromPartial({
    type: 'bind',
    source: mount.hostPath,
    destination: posix.normalize(posix.join('/', mount.containerPath)),
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
  if (!isHostNetwork(pod.config)) result.push(ofPod('network'), ofPod('uts'));
  if (pods.ipc === NamespaceMode.POD) result.push(ofPod('ipc'));
  if (options.pid === NamespaceMode.TARGET) result.push({ type: 'pid', path: `/proc/${target}/ns/pid` });
  else if (options.pid === NamespaceMode.CONTAINER || pods.pid === NamespaceMode.CONTAINER) result.push({ type: 'pid' });
  else if (pods.pid === NamespaceMode.POD) result.push(ofPod('pid'));
  if (detectCgroups().mode === 'v2' && config.linux?.securityContext?.privileged !== true) result.push({ type: 'cgroup' });
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
