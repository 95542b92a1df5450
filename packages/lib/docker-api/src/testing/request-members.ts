/** The members of request bodies in the descriptions of the Engine API 1.41, 1.50 and 1.56, by message or by Go's name of the body. */
export const requestMembers: Readonly<Record<string, string>> = {
  ContainerConfig:
    'ArgsEscaped AttachStderr AttachStdin AttachStdout Cmd Domainname Entrypoint Env ExposedPorts Healthcheck Hostname Image ' +
    'Labels MacAddress NetworkDisabled OnBuild OpenStdin Shell StdinOnce StopSignal StopTimeout Tty User Volumes WorkingDir',
  DeviceMapping: 'CgroupPermissions PathInContainer PathOnHost',
  DeviceRequest: 'Capabilities Count DeviceIDs Driver Options',
  EndpointIPAMConfig: 'IPv4Address IPv6Address LinkLocalIPs',
  EndpointSettings:
    'Aliases DNSNames DriverOpts EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen GwPriority IPAMConfig IPAddress ' +
    'IPPrefixLen IPv6Gateway Links MacAddress NetworkID',
  HealthConfig: 'Interval Retries StartInterval StartPeriod Test Timeout',
  HostConfig:
    'Annotations AutoRemove Binds BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps BlkioWeight ' +
    'BlkioWeightDevice CapAdd CapDrop Cgroup CgroupParent CgroupnsMode ConsoleSize ContainerIDFile CpuCount CpuPercent CpuPeriod ' +
    'CpuQuota CpuRealtimePeriod CpuRealtimeRuntime CpuShares CpusetCpus CpusetMems DeviceCgroupRules DeviceRequests Devices Dns ' +
    'DnsOptions DnsSearch ExtraHosts GroupAdd IOMaximumBandwidth IOMaximumIOps Init IpcMode Isolation KernelMemory KernelMemoryTCP ' +
    'Links LogConfig MaskedPaths Memory MemoryReservation MemorySwap MemorySwappiness Mounts NanoCpus NetworkMode OomKillDisable ' +
    'OomScoreAdj PidMode PidsLimit PortBindings Privileged PublishAllPorts ReadonlyPaths ReadonlyRootfs RestartPolicy Runtime ' +
    'SecurityOpt ShmSize StorageOpt Sysctls Tmpfs UTSMode Ulimits UsernsMode VolumeDriver VolumesFrom',
  HostConfigBlkioWeightDevice: 'Path Weight',
  HostConfigLogConfig: 'Config Type',
  HostConfigUlimit: 'Hard Name Soft',
  IPAM: 'Config Driver Options',
  IPAMConfig: 'AuxiliaryAddresses Gateway IPRange Subnet',
  Mount: 'BindOptions Consistency ImageOptions ReadOnly Source Target TmpfsOptions Type VolumeOptions',
  MountBindOptions: 'CreateMountpoint NonRecursive Propagation ReadOnlyForceRecursive ReadOnlyNonRecursive',
  MountImageOptions: 'Subpath',
  MountTmpfsOptions: 'Mode Options SizeBytes',
  MountVolumeOptions: 'DriverConfig Labels NoCopy Subpath',
  MountVolumeOptionsDriverConfig: 'Name Options',
  NetworkingConfig: 'EndpointsConfig',
  PortBinding: 'HostIp HostPort',
  RestartPolicy: 'MaximumRetryCount Name',
  ThrottleDevice: 'Path Rate',
  VolumeCreateOptions: 'ClusterVolumeSpec Driver DriverOpts Labels Name',
  'container.CreateRequest':
    'ArgsEscaped AttachStderr AttachStdin AttachStdout Cmd Domainname Entrypoint Env ExposedPorts Healthcheck HostConfig Hostname ' +
    'Image Labels MacAddress NetworkDisabled NetworkingConfig OnBuild OpenStdin Shell StdinOnce StopSignal StopTimeout Tty User ' +
    'Volumes WorkingDir',
  'container.ExecOptions': 'AttachStderr AttachStdin AttachStdout Cmd ConsoleSize DetachKeys Env Privileged Tty User WorkingDir',
  'container.ExecStartOptions': 'ConsoleSize Detach Tty',
  'container.UpdateConfig':
    'BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps BlkioWeight BlkioWeightDevice CgroupParent ' +
    'CpuCount CpuPercent CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime CpuShares CpusetCpus CpusetMems DeviceCgroupRules ' +
    'DeviceRequests Devices IOMaximumBandwidth IOMaximumIOps Init KernelMemory KernelMemoryTCP Memory MemoryReservation MemorySwap ' +
    'MemorySwappiness NanoCpus OomKillDisable PidsLimit RestartPolicy Ulimits',
  'network.ConnectOptions': 'Container EndpointConfig',
  'network.CreateRequest':
    'Attachable CheckDuplicate ConfigFrom ConfigOnly Driver EnableIPv4 EnableIPv6 IPAM Ingress Internal Labels Name Options Scope',
  'network.DisconnectOptions': 'Container Force',
};
