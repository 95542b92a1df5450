import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { type Codec, flag, int64, list, map, omitEmpty, optional, struct, text, typeError, versioned } from '../json/codec';
import type { Json } from '../json/value';
import { nullableStrings, portBindings, stringRow } from '../json/wrapped';
import { absent } from './container-config';
import { mount } from './mounts';

const uints = int64('uint');

/** [height, width], always two numbers. */
const consoleSize: Codec<bigint[]> = {
  goType: '[2]uint',
  zero: () => [],
  read(value, place) {
    if (value === null) return [];
    if (!Array.isArray(value)) throw typeError(value, place, '[2]uint');
    const [height = 0n, width = 0n] = value.map((item: Json) => uints.read(item, place));
    return height === 0n && width === 0n ? [] : [height, width];
  },
  write: (value) => [Number(value[0] ?? 0n), Number(value[1] ?? 0n)],
};

const throttle = struct('ThrottleDevice', { Path: text, Rate: int64('uint64') });

/** container.Resources: limits, which `update` takes too. */
export const resourceFields = {
  CpuShares: int64(),
  Memory: int64(),
  NanoCpus: int64(),
  CgroupParent: text,
  BlkioWeight: int64('uint16'),
  BlkioWeightDevice: list(struct('WeightDevice', { Path: text, Weight: int64('uint16') }), 'empty'),
  BlkioDeviceReadBps: list(throttle, 'empty'),
  BlkioDeviceWriteBps: list(throttle, 'empty'),
  BlkioDeviceReadIOps: list(throttle, 'empty'),
  BlkioDeviceWriteIOps: list(throttle, 'empty'),
  CpuPeriod: int64(),
  CpuQuota: int64(),
  CpuRealtimePeriod: int64(),
  CpuRealtimeRuntime: int64(),
  CpusetCpus: text,
  CpusetMems: text,
  Devices: list(struct('DeviceMapping', { PathOnHost: text, PathInContainer: text, CgroupPermissions: text }), 'empty'),
  DeviceCgroupRules: list(text),
  DeviceRequests: list(
    struct('DeviceRequest', {
      Driver: text,
      Count: int64('int'),
      DeviceIDs: list(text),
      Capabilities: list(stringRow),
      Options: map(text),
    }),
  ),
  KernelMemoryTCP: omitEmpty(int64()),
  MemoryReservation: int64(),
  MemorySwap: int64(),
  MemorySwappiness: optional(int64()),
  OomKillDisable: optional(flag),
  PidsLimit: optional(int64()),
  Ulimits: list(struct('Ulimit', { Name: text, Hard: int64(), Soft: int64() }), 'empty'),
  CpuCount: int64(),
  CpuPercent: int64(),
  IOMaximumIOps: int64('uint64'),
  IOMaximumBandwidth: int64('uint64'),
};

export const restartPolicy = struct('RestartPolicy', { Name: text, MaximumRetryCount: int64('int') });

/** container.HostConfig: what a container may have of the host. */
export const hostConfig: Codec<HostConfig> = struct<HostConfig>(
  'HostConfig',
  {
    Binds: list(text),
    ContainerIDFile: text,
    LogConfig: optional(struct('LogConfig', { Type: text, Config: map(text) })),
    NetworkMode: text,
    PortBindings: map(portBindings),
    RestartPolicy: optional(restartPolicy),
    AutoRemove: flag,
    VolumeDriver: text,
    VolumesFrom: list(text),
    ConsoleSize: consoleSize,
    Annotations: versioned(map(text, 'omit'), { from: '1.43' }),
    CapAdd: list(text),
    CapDrop: list(text),
    CgroupnsMode: versioned(text, { from: '1.41' }),
    Dns: list(text, 'empty'),
    DnsOptions: list(text, 'empty'),
    DnsSearch: list(text, 'empty'),
    ExtraHosts: list(text),
    GroupAdd: list(text),
    IpcMode: text,
    Cgroup: text,
    Links: list(text),
    OomScoreAdj: int64('int'),
    PidMode: text,
    Privileged: flag,
    PublishAllPorts: flag,
    ReadonlyRootfs: flag,
    SecurityOpt: list(text),
    StorageOpt: map(text, 'omit'),
    Tmpfs: map(text, 'omit'),
    UTSMode: text,
    UsernsMode: text,
    ShmSize: int64(),
    Sysctls: map(text, 'omit'),
    Runtime: absent(optional(text)),
    Isolation: text,
    ...resourceFields,
    Mounts: list(mount, 'omit'),
    Init: absent(optional(flag)),
    MaskedPaths: nullableStrings,
    ReadonlyPaths: nullableStrings,
  },
  { goType: 'container.HostConfig' },
);
