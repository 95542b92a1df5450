import {
  defaultCapabilities,
  defaultDeviceRules,
  defaultMaskedPaths,
  defaultMounts,
  defaultNamespaces,
  defaultReadonlyPaths,
  type LinuxSeccomp,
  type Mount,
  type NamespaceType,
  type Process,
  type Spec,
} from '@gantry/oci';
import { capabilitySets, cgroupsPath, type ResolvedUser } from '@gantry/spec';
import { compileSeccomp, defaultSeccompProfile } from '@gantry/oci/seccomp';
import type { NetworkPlace } from './network';
import type { ContainerWish, ProcessWish } from './executor';
import { insecureCapabilities, insecureDevices, insecureRules } from './insecure';
import { rlimitsOf } from './limits';

/** What the host, the configuration and the prepared place add to a wish. */
export interface SpecSurroundings {
  readonly id: string;
  readonly rootfs: string;
  readonly user: ResolvedUser;
  readonly mounts: readonly Mount[];
  readonly hostsFile: string;
  readonly resolvConf: string;
  readonly network: Pick<NetworkPlace, 'isHost' | 'namespace'>;
  readonly cgroupParent: string;
  /** The step has a cgroup namespace of its own. */
  readonly ownCgroups: boolean;
  readonly oomScoreAdj: number;
  /** The AppArmor profile of what runs sandboxed; undefined: none. */
  readonly apparmorProfile: string | undefined;
}

const OCI_VERSION = '1.0.2';

let sandboxed: LinuxSeccomp | undefined;
/** Docker's default filter for its default capabilities: the same for every step. */
const sandboxSeccomp = (): LinuxSeccomp => (sandboxed ??= compileSeccomp(defaultSeccompProfile(), defaultCapabilities));

/** config.json of a step's container, as BuildKit makes it. */
export function stepSpec(wish: ContainerWish, process: ProcessWish, around: SpecSurroundings): Spec {
  const namespaces: NamespaceType[] = defaultNamespaces.filter((type) => type !== 'network' || !around.network.isHost);
  if (around.ownCgroups) namespaces.push('cgroup');
  return {
    ociVersion: OCI_VERSION,
    process: {
      ...processSpec(wish, process, around.user),
      oomScoreAdj: around.oomScoreAdj,
      ...(wish.insecure || around.apparmorProfile === undefined ? {} : { apparmorProfile: around.apparmorProfile }),
    },
    root: { path: around.rootfs, readonly: wish.readonlyRoot },
    hostname: wish.hostname,
    mounts: mountsOf(wish, around),
    linux: {
      resources: { ...wish.resources, devices: wish.insecure ? insecureRules() : defaultDeviceRules() },
      cgroupsPath: cgroupsPath(`${wish.cgroupParent || around.cgroupParent}/buildkit`, around.id),
      namespaces: namespaces.map((type) =>
        type === 'network' && around.network.namespace !== undefined ? { type, path: around.network.namespace } : { type },
      ),
      ...(wish.insecure
        ? { devices: insecureDevices(), maskedPaths: [], readonlyPaths: [] }
        : { seccomp: sandboxSeccomp(), maskedPaths: [...defaultMaskedPaths], readonlyPaths: [...defaultReadonlyPaths] }),
    },
  };
}

/** The process of a wish: a container's first, or a further one's. */
export function processSpec(wish: Pick<ContainerWish, 'insecure' | 'limits'>, program: ProcessWish, user: ResolvedUser): Process {
  const rlimits = rlimitsOf(wish.limits);
  return {
    terminal: program.tty,
    user: { uid: user.uid, gid: user.gid, additionalGids: [...new Set([user.gid, ...user.additionalGids])] },
    args: [...program.args],
    env: [...program.env],
    cwd: program.cwd,
    capabilities: wish.insecure ? insecureCapabilities() : capabilitySets(defaultCapabilities, user.uid),
    ...(rlimits.length === 0 ? {} : { rlimits }),
    noNewPrivileges: false,
  };
}

/** The engine's mounts, then the step's; one at the same place takes the other's. */
function mountsOf({ insecure }: ContainerWish, around: SpecSurroundings): Mount[] {
  const access = (mount: Mount): Mount =>
    insecure && ['/sys', '/sys/fs/cgroup'].includes(mount.destination)
      ? { ...mount, options: (mount.options ?? []).map((option) => (option === 'ro' ? 'rw' : option)) }
      : mount;
  const readonlyBind = (source: string, destination: string): Mount => ({
    destination,
    type: 'bind',
    source,
    options: ['nosuid', 'noexec', 'nodev', 'rbind', 'ro'],
  });
  const all = [
    ...defaultMounts().map(access).map(smallShm),
    readonlyBind(around.resolvConf, '/etc/resolv.conf'),
    readonlyBind(around.hostsFile, '/etc/hosts'),
    ...around.mounts,
  ];
  return [...new Map(all.map((mount) => [mount.destination, mount])).values()];
}

function smallShm(mount: Mount): Mount {
  return mount.destination === '/dev/shm' ? { ...mount, options: [...(mount.options ?? []), 'size=65536k'] } : mount;
}
