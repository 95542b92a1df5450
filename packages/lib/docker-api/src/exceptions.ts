import type { Messages } from '@gantry/api/engine-fields';
import type { Codec } from './json/codec';
import { consoleSize, shellStrings } from './json/wrapped';

/**
 * What the descriptors cannot say about a message in JSON. The rule without a word here: every member is answered, an absent object, an empty list and an empty map
 * as null, under every version, and is read as the Go type of the same name.
 */
export interface Exceptions<M> {
  /** Go's name of the type, which errors of reading tell: of requests only. */
  readonly go?: string;
  /** Members that are left out when they are empty (Go's omitempty on a value). */
  readonly omit?: readonly (keyof M & string)[] | 'all';
  /** Members that are left out when they are absent; an empty value is answered (Go's omitempty on a pointer). */
  readonly absent?: readonly (keyof M & string)[];
  /** Lists and maps that dockerd makes in any case: [] and {} where they are empty. */
  readonly made?: readonly (keyof M & string)[] | 'all';
  /** Members that are left out when they are empty, in certain API versions only. */
  readonly omitIn?: Readonly<Record<string, readonly (keyof M & string)[]>>;
  /** Members of certain API versions: `1.43-` from that one on, `-1.52` before that one. Reading is not restricted. */
  readonly versions?: Readonly<Record<string, readonly (keyof M & string)[]>>;
  /** Go's type of a member where proto's name is another one. */
  readonly types?: { readonly [F in keyof M]?: string };
  /** What is answered in place of an absent member. */
  readonly instead?: { readonly [F in keyof M]?: unknown };
  /** Members that are read and written in a way of their own. */
  readonly codecs?: { readonly [F in keyof M]?: Codec<M[F]> };
  /** Members of the API that nothing here can honour: refused by name unless they are empty. Members that the API does not have are ignored, as Go does. */
  readonly refused?: readonly string[];
}

const image = ['ImageManifestDescriptor'] as const;
const driver = { GraphDriver: { Name: '', Data: null } };
const unset = '0001-01-01T00:00:00Z';

export const exceptions: { readonly [M in keyof Messages]?: Exceptions<Messages[M]> } = {
  StringList: { made: 'all' },
  PortBinding: { go: 'nat.PortBinding' },

  // container.Config, container.HostConfig and what they hold
  ContainerConfig: {
    go: 'container.Config',
    omit: [...(['ExposedPorts', 'Healthcheck', 'ArgsEscaped', 'NetworkDisabled', 'MacAddress', 'StopSignal', 'Shell'] as const)],
    absent: ['StopTimeout'],
    omitIn: { '1.52-': ['OnBuild'] },
    versions: { '-1.52': ['MacAddress'] },
    made: ['Labels'],
    types: { StopTimeout: 'int' },
    codecs: { Cmd: shellStrings, Entrypoint: shellStrings },
  },
  HealthConfig: {
    go: 'v1.HealthcheckConfig',
    omit: 'all',
    types: {
      Interval: 'time.Duration',
      Timeout: 'time.Duration',
      StartPeriod: 'time.Duration',
      StartInterval: 'time.Duration',
      Retries: 'int',
    },
  },
  HostConfig: {
    go: 'container.HostConfig',
    omit: ['Annotations', 'StorageOpt', 'Tmpfs', 'Sysctls', 'Runtime', 'KernelMemoryTCP', 'Mounts', 'HealthcheckOnFailureAction'],
    absent: ['Init'],
    versions: { '1.41-': ['CgroupnsMode'], '1.43-': ['Annotations'], '-1.52': ['KernelMemoryTCP'] },
    types: { BlkioWeight: 'uint16', OomScoreAdj: 'int', IOMaximumIOps: 'uint64', IOMaximumBandwidth: 'uint64' },
    codecs: { ConsoleSize: consoleSize },
    refused: ['KernelMemory'],
  },
  HostConfigBlkioWeightDevice: { go: 'blkiodev.WeightDevice', types: { Weight: 'uint16' } },
  HostConfigLogConfig: { go: 'container.LogConfig', made: 'all' },
  HostConfigUlimit: { go: 'units.Ulimit' },
  ThrottleDevice: { go: 'blkiodev.ThrottleDevice', types: { Rate: 'uint64' } },
  DeviceMapping: { go: 'container.DeviceMapping' },
  DeviceRequest: { go: 'container.DeviceRequest', types: { Count: 'int' } },
  RestartPolicy: { go: 'container.RestartPolicy', types: { MaximumRetryCount: 'int' } },
  Mount: { go: 'mount.Mount', omit: 'all', refused: ['ClusterOptions'] },
  MountBindOptions: { go: 'mount.BindOptions', omit: 'all' },
  MountVolumeOptions: { go: 'mount.VolumeOptions', omit: 'all' },
  MountVolumeOptionsDriverConfig: { go: 'mount.Driver', omit: 'all' },
  MountImageOptions: { go: 'mount.ImageOptions', omit: 'all' },
  MountTmpfsOptions: { go: 'mount.TmpfsOptions', omit: 'all', types: { Mode: 'uint32' } },

  // containers
  ContainerInspectResponse: {
    absent: ['ImageManifestDescriptor', 'SizeRw', 'SizeRootFs', 'Storage'],
    made: ['Args', 'Mounts'],
    versions: { '1.48-': image, '-1.52': ['GraphDriver'], '1.52-': ['Storage'] },
    instead: { ...driver, LogPath: '' },
  },
  RootFSStorageSnapshot: { omit: 'all' },
  ContainerState: { omit: ['Health'] },
  Health: { made: 'all' },
  ContainerSummary: {
    absent: ['ImageManifestDescriptor', 'SizeRw', 'SizeRootFs', 'Health'],
    made: ['Names', 'Ports', 'Labels', 'Mounts'],
    versions: { '1.48-': image, '1.52-': ['Health'] },
    instead: { HostConfig: {} },
  },
  ContainerSummaryHostConfig: { omit: 'all', versions: { '1.46-': ['Annotations'] } },
  ContainerSummaryNetworkSettings: { made: 'all' },
  Port: { omit: ['IP', 'PublicPort'] },
  MountPoint: { omit: ['Type', 'Name', 'Driver'] },
  ProcessConfig: { omit: ['user'], made: 'all' },

  // networks
  NetworkingConfig: { go: 'network.NetworkingConfig', made: 'all' },
  EndpointSettings: {
    go: 'network.EndpointSettings',
    versions: { '1.44-': ['DNSNames'], '1.48-': ['GwPriority'] },
    types: { GwPriority: 'int', IPPrefixLen: 'int', GlobalIPv6PrefixLen: 'int' },
  },
  EndpointIPAMConfig: { go: 'network.EndpointIPAMConfig', omit: 'all' },
  NetworkSettings: {
    made: ['Ports', 'Networks'],
    // those of the default bridge alone
    versions: {
      '-1.52': [
        ...([
          'Bridge',
          'HairpinMode',
          'LinkLocalIPv6Address',
          'LinkLocalIPv6PrefixLen',
          'SecondaryIPAddresses',
          'SecondaryIPv6Addresses',
        ] as const),
        ...([
          'EndpointID',
          'Gateway',
          'GlobalIPv6Address',
          'GlobalIPv6PrefixLen',
          'IPAddress',
          'IPPrefixLen',
          'IPv6Gateway',
          'MacAddress',
        ] as const),
      ],
    },
  },
  Network: {
    omit: ['Peers'],
    absent: ['EnableIPv4', 'Status'],
    made: ['Containers', 'Options', 'Labels'],
    versions: { '1.48-': ['EnableIPv4'], '1.52-': ['Status'] },
  },
  IPAMStatus: { omit: 'all' },
  IPAM: { go: 'network.IPAM' },
  IPAMConfig: { go: 'network.IPAMConfig', omit: 'all' },
  ConfigReference: { go: 'network.ConfigReference' },

  // volumes
  Volume: { omit: ['CreatedAt', 'Status', 'UsageData'] },
  VolumeCreateOptions: { go: 'volume.CreateOptions', refused: ['ClusterVolumeSpec'] },

  // images
  OCIPlatform: { omit: ['os.version', 'os.features', 'variant'] },
  OCIDescriptor: { omit: ['urls', 'annotations', 'data', 'platform', 'artifactType'] },
  ImageConfig: { omit: 'all' },
  ImageManifestSummary: { omit: ['ImageData', 'AttestationData'] },
  ImageManifestSummaryImageData: { absent: ['Identity'] },
  Identity: { omit: 'all' },
  PullIdentity: { omit: 'all' },
  BuildIdentity: { omit: ['Ref'], instead: { CreatedAt: unset } },
  ImageInspect: {
    omit: ['Descriptor', 'Manifests', 'Created', 'Variant', 'OsVersion'],
    absent: ['Identity'],
    omitIn: { '1.52-': ['Parent', 'Comment', 'DockerVersion', 'Author'] },
    made: ['RepoTags', 'RepoDigests'],
    versions: { '1.48-': ['Descriptor', 'Manifests'], '-1.52': ['GraphDriver'], '1.53-': ['Identity'] },
    instead: { ...driver, Config: {} },
  },
  ImageInspectRootFS: { omit: ['Layers'] },
  ImageInspectMetadata: { instead: { LastTagTime: unset } },
  ImageSummary: {
    omit: ['Manifests', 'Descriptor'],
    made: ['RepoTags', 'RepoDigests'],
    versions: { '1.47-': ['Manifests'], '1.48-': ['Descriptor'] },
  },
  ImageDeleteResponseItem: { omit: 'all' },

  // the engine
  SystemInfo: {
    omit: [
      'KernelMemoryTCP',
      'CgroupVersion',
      'ProductLicense',
      'DefaultAddressPools',
      'FirewallBackend',
      'DiscoveredDevices',
      'Containerd',
    ],
    made: ['DriverStatus', 'Labels', 'SecurityOptions', 'CDISpecDirs', 'Runtimes'],
    versions: {
      '1.46-': ['CDISpecDirs', 'Containerd'],
      '1.49-': ['FirewallBackend'],
      '1.50-': ['DiscoveredDevices'],
      '-1.52': ['KernelMemoryTCP'],
    },
    instead: { PidsLimit: false, OomKillDisable: false },
  },
  PluginsInfo: { made: ['Volume', 'Network', 'Log'] },
  RegistryServiceConfig: { made: 'all' },
  IndexInfo: { made: 'all' },
  SystemInfoGenericResource: { omit: 'all' },
  Runtime: { omit: 'all' },
  FirewallInfo: { omit: ['Info'] },
  ContainerdInfo: { omit: ['Address'] },
  SystemVersion: { omit: ['Components', 'MinAPIVersion', 'KernelVersion', 'Experimental', 'BuildTime'] },
  SystemVersionComponent: { omit: ['Details'] },
  SystemVersionComponentDetails: { omit: 'all' },
};
