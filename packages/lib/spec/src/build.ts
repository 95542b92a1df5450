import { posix } from 'node:path';
import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import type { ContainerConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { IdMapping, Linux, LinuxNamespace, Process, Spec } from '@gantry/oci';
import { effectiveCapabilities } from './capabilities';
import { deviceSpec } from './devices';
import { containerEnvironment } from './environment';
import { type EngineFiles, INIT_DESTINATION, mountsOf, rootPropagation } from './mounts';
import { type JoinedPids, namespacesOf } from './namespaces';
import { protectedPaths } from './paths';
import { capabilitySets, consoleSize, ociUser } from './process';
import { limitsOf, rlimitsOf } from './resources';
import { LANDLOCK_ANNOTATION } from '@gantry/oci/landlock';
import { compileSeccomp, type SeccompProfile } from '@gantry/oci/seccomp';
import { parseSecurityOptions } from './security-options';
import type { ResolvedUser } from './user-database';

/** A user namespace for a container. */
export interface SpecRemap {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
  /** Destinations of volumes that are seen through the map too. */
  readonly volumes: ReadonlySet<string>;
  /** Process whose user namespace, which has these maps, is joined instead of a new one. */
  readonly joined?: number;
}

/** Everything a container's config.json is made of; nothing else is looked at, but device nodes and the kernel's own facts. */
export interface SpecInput {
  readonly id: string;
  readonly command: readonly [string, ...string[]];
  readonly config: ContainerConfig;
  readonly host: HostConfig;
  readonly mounts: readonly MountRecord[];
  readonly files: EngineFiles;
  readonly user: ResolvedUser;
  readonly hostname: string;
  readonly joined: JoinedPids;
  readonly cgroupVersion: 1 | 2;
  /** Undefined: the host's user namespace. */
  readonly remap?: SpecRemap | undefined;
  /** The profile of containers that name none: Docker's default one, unless another was configured. */
  readonly defaultSeccomp: SeccompProfile | 'unconfined';
  /** The AppArmor profile of its processes; undefined: none. */
  readonly apparmorProfile?: string | undefined;
}

/** The oldest version that says what we say: crun 1.8 refuses to run what claims a newer one. */
export const OCI_VERSION = '1.0.2';
const DEFAULT_CGROUP_PARENT = '/gantry';

/** Config (already validated and merged) and HostConfig → OCI config.json. Throws invalidArgument that names the field. */
export async function buildSpec(input: SpecInput): Promise<Spec> {
  const { config, host } = input;
  const security = parseSecurityOptions(host.SecurityOpt);
  const annotations = { ...host.Annotations, ...(security.landlock === '' ? {} : { [LANDLOCK_ANNOTATION]: security.landlock }) };
  const capabilities = effectiveCapabilities(host.CapAdd, host.CapDrop, host.Privileged);
  const size = consoleSize(host);
  const rlimits = rlimitsOf(host);
  const process: Process = {
    terminal: config.Tty,
    ...(size === undefined || !config.Tty ? {} : { consoleSize: size }),
    user: ociUser(input.user),
    args: input.files.init === undefined ? [...input.command] : [INIT_DESTINATION, '--', ...input.command],
    env: containerEnvironment(config.Env, { hostname: input.hostname, tty: config.Tty, home: input.user.home }),
    cwd: config.WorkingDir || '/',
    capabilities: capabilitySets(capabilities, input.user.uid),
    ...(rlimits.length === 0 ? {} : { rlimits }),
    noNewPrivileges: security.noNewPrivileges,
    ...(input.apparmorProfile === undefined ? {} : { apparmorProfile: input.apparmorProfile }),
    oomScoreAdj: Number(host.OomScoreAdj),
  };

  const { devices, rules } = await deviceSpec(host);
  const paths = protectedPaths(host, security.systemPathsUnconfined);
  const propagation = rootPropagation(input.mounts);
  const seccomp = security.seccomp === 'default' ? (host.Privileged ? 'unconfined' : input.defaultSeccomp) : security.seccomp;
  const linux: Linux = {
    sysctl: sysctlsOf(host, input.remap),
    resources: { ...(await limitsOf(host)), devices: rules },
    cgroupsPath: cgroupsPath(host.CgroupParent, input.id),
    namespaces: [...namespacesOf(host, input.joined, input.cgroupVersion), ...userNamespace(input.remap)],
    ...(input.remap === undefined || input.remap.joined !== undefined
      ? {}
      : { uidMappings: [...input.remap.uids], gidMappings: [...input.remap.gids] }),
    ...(devices.length === 0 ? {} : { devices }),
    ...(seccomp === 'unconfined' ? {} : { seccomp: compileSeccomp(seccomp, capabilities) }),
    ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
    maskedPaths: paths.masked,
    readonlyPaths: paths.readonly,
  };
  return {
    ociVersion: OCI_VERSION,
    process,
    root: { path: 'rootfs', readonly: host.ReadonlyRootfs },
    ...(host.UTSMode === 'host'
      ? {}
      : { hostname: input.hostname, ...(config.Domainname === '' ? {} : { domainname: config.Domainname }) }),
    mounts: mountsOf({ ...host, writableCgroups: security.writableCgroups ?? host.Privileged }, input.mounts, input.files, input.remap),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    linux,
  };
}

/** The highest group that a container has: a range that begins or ends with another one is refused. */
function lastGroup(remap: SpecRemap | undefined): number {
  return remap === undefined ? 2147483647 : remap.gids.reduce((sum, { size }) => sum + size, 0) - 1;
}

/** The asked ones over docker's defaults for a network namespace of its own. */
function sysctlsOf(host: HostConfig, remap: SpecRemap | undefined): Record<string, string> {
  const ownNetwork = host.NetworkMode !== 'host' && !host.NetworkMode.startsWith('container:');
  const defaults: Record<string, string> = ownNetwork
    ? { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': `0 ${lastGroup(remap)}` }
    : {};
  return { ...defaults, ...host.Sysctls };
}

function userNamespace(remap: SpecRemap | undefined): LinuxNamespace[] {
  if (remap === undefined) return [];
  return [remap.joined === undefined ? { type: 'user' } : { type: 'user', path: `/proc/${remap.joined}/ns/user` }];
}

/** Where the container's cgroup lies in each hierarchy. A parent that climbs gets no higher than the root. */
export function cgroupsPath(parent: string, id: string): string {
  const clean = posix.normalize(`/${parent}`).replace(/\/$/, '');
  return clean === '' ? `${DEFAULT_CGROUP_PARENT}/${id}` : `${clean}/${id}`;
}
