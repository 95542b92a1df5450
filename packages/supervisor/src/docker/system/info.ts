import { formatTimestamp, timestampNow } from '@gantry/api';
import { HostConfig, type SystemInfo } from '@gantry/api/gantry/engine/v1/types';
import type { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import type { GetStatusResponse, NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { type CallContext, errorText, type ServiceClient } from '@gantry/rpc';
import { cgroupNamespaceMode, readDevices } from '@gantry/spec';
import type { DockerEvents } from '../events';
import { Phase } from '../../core/phases';
import type { DockerRecords } from '../records';
import type { Runtime, RuntimeTable } from '../../core/runtimes';
import { type CgroupFacts, cgroupFacts, cgroupWarnings } from './cgroups';
import { hostFacts } from './host';
import { provides } from '@gantry/service/plugins';
import { driverNames } from '../logs/drivers/table';
import type { LogBound } from '../logs/options/file';

/** What this installation is set up to be. */
export interface EngineFacts {
  readonly id: string;
  readonly version: string;
  readonly dataRoot: string;
  readonly supervisorSocket: string;
  readonly namespace: string;
  readonly logDriver: string;
  /** What bounds logs that have no size of their own. */
  readonly logBound: LogBound | undefined;
  readonly labels: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly insecureRegistries: readonly string[];
  readonly debug: boolean;
  readonly liveRestore: boolean;
  readonly experimental: boolean;
  /** Folders of the descriptions of devices. */
  readonly cdiSpecDirs: readonly string[];
  /** Name of the --init program. */
  readonly initBinary: string;
  /** builtin, unconfined or a path. */
  readonly seccompProfile: string;
  /** Containers have user namespaces unless they ask for the host's. */
  readonly userNamespaces: boolean;
  /** What containers get that ask for none: private, host, or empty for what suits the host's cgroups. */
  readonly cgroupNamespace: string;
}

export interface InfoNeeds {
  readonly facts: EngineFacts;
  readonly records: Pick<DockerRecords, 'listDocker'>;
  readonly runtimes: RuntimeTable;
  readonly events: Pick<DockerEvents, 'listenerCount'>;
  readonly images: Pick<ServiceClient<typeof ImagesServiceService>, 'list' | 'getInfo'>;
  readonly network: Pick<ServiceClient<typeof NetworkServiceService>, 'getStatus'>;
  /** Managed plugins that are enabled. */
  readonly plugins: () => readonly { readonly name: string; readonly types: readonly string[] }[];
}

const HUB = 'https://index.docker.io/v1/';
/** A question to another service must not hold `docker info` up: it is asked when something is wrong. */
const ASK_MS = 2000;

/** Names, as dockerd counts them: one that has none, dangling or a step of a classic build, is one. */
const countImages = (images: readonly { readonly repoTags: readonly string[] }[]): number =>
  images.reduce((count, { repoTags }) => count + Math.max(repoTags.length, 1), 0);

/** Everything that GET /info tells. A service that does not answer becomes a warning. */
export async function systemInfo(needs: InfoNeeds, ctx: CallContext): Promise<SystemInfo> {
  const { facts, records, runtimes } = needs;
  const host = hostFacts();
  const mirrors = facts.registryMirrors.map((mirror) => mirror.replace(/\/?$/, '/')); // as dockerd tells them
  const cgroup = cgroupFacts();
  const warnings: string[] = [];
  const ask = async <T>(service: string, question: Promise<T>, fallback: T): Promise<T> => {
    try {
      return await question;
    } catch (error) {
      warnings.push(`WARNING: the ${service} service does not answer: ${errorText(error)}`);
      return fallback;
    }
  };
  const [images, network, store, devices] = await Promise.all([
    ask(
      'images',
      needs.images
        .list(ctx, { all: true, filters: {}, sharedSize: false }, { timeoutMs: ASK_MS })
        .then((answer) => countImages(answer.images)),
      0,
    ),
    ask<GetStatusResponse | undefined>('network', needs.network.getStatus(ctx, {}, { timeoutMs: ASK_MS }), undefined),
    needs.images.getInfo(ctx, {}, { timeoutMs: ASK_MS }).catch(() => undefined), // that it does not answer is said above
    readDevices(facts.cdiSpecDirs, { warn: (_about: unknown, message = '') => void warnings.push(`WARNING: ${message}`) }),
  ]);
  warnings.push(...(network?.warnings ?? []), ...cgroupWarnings(cgroup), ...boundWarnings(facts.logBound));
  const counts = countPhases(records);
  const managed = (kind: string): string[] =>
    needs
      .plugins()
      .filter((plugin) => provides(plugin, kind))
      .map(({ name }) => name);

  return {
    ID: facts.id,
    Containers: BigInt(counts.all),
    ContainersRunning: BigInt(counts.running),
    ContainersPaused: BigInt(counts.paused),
    ContainersStopped: BigInt(counts.all - counts.running - counts.paused),
    Images: BigInt(images),
    Driver: store?.snapshotter ?? '',
    DriverStatus: [{ items: ['driver-type', 'io.containerd.snapshotter.v1'] }],
    DockerRootDir: facts.dataRoot,
    Plugins: {
      Volume: ['local', ...managed('volumedriver')],
      Network: [...(network?.drivers ?? []), ...managed('networkdriver')],
      Authorization: [],
      Log: [...driverNames(), ...managed('logdriver')],
    },
    MemoryLimit: cgroup.memory,
    SwapLimit: cgroup.swap,
    KernelMemoryTCP: false,
    CpuCfsPeriod: cgroup.cpuPeriod,
    CpuCfsQuota: cgroup.cpuQuota,
    CPUShares: cgroup.cpuShares,
    CPUSet: cgroup.cpuset,
    PidsLimit: cgroup.pids,
    OomKillDisable: cgroup.oomKillDisable,
    IPv4Forwarding: network?.ipv4Forwarding ?? host.ipv4Forwarding,
    Debug: facts.debug,
    NFd: BigInt(host.openFiles),
    NGoroutines: BigInt(process.getActiveResourcesInfo().length),
    SystemTime: formatTimestamp(timestampNow()),
    LoggingDriver: facts.logDriver,
    CgroupDriver: 'cgroupfs',
    CgroupVersion: cgroup.version,
    NEventsListener: BigInt(needs.events.listenerCount),
    KernelVersion: host.kernel,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: 'linux',
    Architecture: host.machine,
    NCPU: BigInt(host.cpus),
    MemTotal: BigInt(host.memory),
    IndexServerAddress: HUB,
    RegistryConfig: {
      InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8', ...facts.insecureRegistries.filter((one) => one.includes('/'))],
      IndexConfigs: {
        'docker.io': { Name: 'docker.io', Mirrors: mirrors, Secure: true, Official: true },
        ...Object.fromEntries(
          facts.insecureRegistries
            .filter((one) => !one.includes('/'))
            .map((name) => [name, { Name: name, Mirrors: [], Secure: false, Official: false }]),
        ),
      },
      Mirrors: mirrors,
    },
    GenericResources: [],
    HttpProxy: store?.proxies?.http ?? '',
    HttpsProxy: store?.proxies?.https ?? '',
    NoProxy: store?.proxies?.no ?? '',
    Name: host.hostname,
    Labels: [...facts.labels],
    ExperimentalBuild: facts.experimental,
    ServerVersion: facts.version,
    Runtimes: Object.fromEntries(
      Object.entries(runtimes.entries).map(([name, runtime]) => [
        name,
        { path: pathOf(runtime), runtimeArgs: [...(runtime.taskCommand?.slice(1) ?? runtime.args)], status: {} },
      ]),
    ),
    DefaultRuntime: runtimes.defaultName,
    LiveRestoreEnabled: facts.liveRestore,
    Isolation: '',
    InitBinary: facts.initBinary,
    ContainerdCommit: { ID: facts.version },
    RuncCommit: { ID: facts.version },
    InitCommit: { ID: facts.version },
    SecurityOptions: [
      ...(host.apparmor ? ['name=apparmor'] : []),
      `name=seccomp,profile=${facts.seccompProfile}`,
      ...(facts.userNamespaces ? ['name=userns'] : []),
      ...(host.cgroupNamespaces && privateCgroups(facts, cgroup) ? ['name=cgroupns'] : []),
    ],
    ProductLicense: '',
    DefaultAddressPools: (network?.defaultAddressPools ?? []).map(addressPool),
    FirewallBackend: firewall(network),
    DiscoveredDevices: devices.map(({ name }) => ({ Source: 'cdi', ID: name })),
    Warnings: warnings,
    CDISpecDirs: [...facts.cdiSpecDirs],
    Containerd: { Address: facts.supervisorSocket, Namespaces: { Containers: facts.namespace, Plugins: '' } },
  };
}

/** Lines go that dockerd would keep until the disk is full: nobody shall find that out by missing them. */
function boundWarnings(bound: LogBound | undefined): string[] {
  if (bound === undefined) return [];
  const files = bound.maxFile === 1 ? '1 file' : `${bound.maxFile} files`;
  return [`WARNING: json-file logs without max-size are kept to ${files} of ${bound.maxSize / 1e6} MB (log-bound of supervisor.yaml)`];
}

function privateCgroups({ cgroupNamespace }: EngineFacts, { version }: CgroupFacts): boolean {
  const host = HostConfig.create({ CgroupnsMode: cgroupNamespace });
  return cgroupNamespaceMode(host, version === '2' ? 2 : 1) === 'private';
}

function countPhases(records: Pick<DockerRecords, 'listDocker'>): { all: number; running: number; paused: number } {
  const phases = records.listDocker().map(({ docker }) => docker.state?.phase ?? Phase.PHASE_CREATED);
  const count = (...wanted: Phase[]): number => phases.filter((phase) => wanted.includes(phase)).length;
  return { all: phases.length, running: count(Phase.PHASE_RUNNING, Phase.PHASE_RESTARTING), paused: count(Phase.PHASE_PAUSED) };
}

/** A pool as the network service has it: its range, and after it the size of the networks cut from it, when it tells one ("/24"). */
function addressPool({ subnet, ipRange }: { subnet: string; ipRange: string }): { Base: string; Size: bigint } {
  const size = /\/(\d+)$/.exec(ipRange || subnet)?.[1] ?? '0';
  return { Base: subnet, Size: BigInt(size) };
}

function firewall(network: GetStatusResponse | undefined): SystemInfo['FirewallBackend'] {
  const [driver, ...rest] = network?.firewallBackend ?? [];
  return driver === undefined ? undefined : { Driver: driver, Info: rest.map((line) => ({ items: [line] })) };
}

/** What docker shows as a runtime's path: the program, or the socket of one that is served already. */
const pathOf = ({ path, taskService, taskCommand }: Runtime): string => path || taskService || (taskCommand?.[0] ?? 'gantry-runc');
