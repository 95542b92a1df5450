import type { EventMessage, SystemInfo, SystemVersion } from '@gantry/api/gantry/engine/v1/types';
import { type ApiVersion, MAX_API_VERSION, MIN_API_VERSION } from '../version';
import { type Codec, exactNumber, flag, int64, list, map, omitEmpty, optional, struct, text, versioned } from '../json/codec';
import { stringRow } from '../json/wrapped';
import { absent } from './container-config';

const commit = optional(struct('Commit', { ID: text }));
const zeroCommit = {
  ...commit,
  write: (value: { ID: string } | undefined, version: ApiVersion) =>
    version.atLeast('1.49') ? { ID: value?.ID ?? '' } : { ID: value?.ID ?? '', Expected: value?.ID ?? '' },
};

const info: Codec<SystemInfo> = struct<SystemInfo>('Info', {
  ID: text,
  Containers: int64('int'),
  ContainersRunning: int64('int'),
  ContainersPaused: int64('int'),
  ContainersStopped: int64('int'),
  Images: int64('int'),
  Driver: text,
  DriverStatus: list(stringRow, 'empty'),
  DockerRootDir: text,
  Plugins: optional(
    struct('PluginsInfo', {
      Volume: list(text, 'empty'),
      Network: list(text, 'empty'),
      Authorization: list(text),
      Log: list(text, 'empty'),
    }),
  ),
  MemoryLimit: flag,
  SwapLimit: flag,
  KernelMemoryTCP: omitEmpty(flag),
  CpuCfsPeriod: flag,
  CpuCfsQuota: flag,
  CPUShares: flag,
  CPUSet: flag,
  PidsLimit: { ...optional(flag), write: (value) => value ?? false },
  OomKillDisable: { ...optional(flag), write: (value) => value ?? false },
  IPv4Forwarding: flag,
  Debug: flag,
  NFd: int64('int'),
  NGoroutines: int64('int'),
  SystemTime: text,
  LoggingDriver: text,
  CgroupDriver: text,
  CgroupVersion: omitEmpty(text),
  NEventsListener: int64('int'),
  KernelVersion: text,
  OperatingSystem: text,
  OSVersion: text,
  OSType: text,
  Architecture: text,
  NCPU: int64('int'),
  MemTotal: int64(),
  IndexServerAddress: text,
  RegistryConfig: optional(
    struct('ServiceConfig', {
      InsecureRegistryCIDRs: list(text, 'empty'),
      IndexConfigs: map(struct('IndexInfo', { Name: text, Mirrors: list(text, 'empty'), Secure: flag, Official: flag })),
      Mirrors: list(text, 'empty'),
    }),
  ),
  GenericResources: {
    ...list(
      struct('GenericResource', {
        NamedResourceSpec: absent(optional(struct('NamedGenericResource', { Kind: text, Value: text }))),
        DiscreteResourceSpec: absent(optional(struct('DiscreteGenericResource', { Kind: text, Value: int64() }))),
      }),
    ),
  },
  HttpProxy: text,
  HttpsProxy: text,
  NoProxy: text,
  Name: text,
  Labels: list(text, 'empty'),
  ExperimentalBuild: flag,
  ServerVersion: text,
  Runtimes: map(struct('Runtime', { path: omitEmpty(text), runtimeArgs: list(text, 'omit'), status: map(text, 'omit') })),
  DefaultRuntime: text,
  LiveRestoreEnabled: flag,
  Isolation: text,
  InitBinary: text,
  ContainerdCommit: zeroCommit,
  RuncCommit: zeroCommit,
  InitCommit: zeroCommit,
  SecurityOptions: list(text, 'empty'),
  ProductLicense: omitEmpty(text),
  DefaultAddressPools: list(struct('NetworkAddressPool', { Base: text, Size: int64('int') }), 'omit'),
  FirewallBackend: versioned(absent(optional(struct('FirewallInfo', { Driver: text, Info: list(stringRow, 'omit') }))), { from: '1.49' }),
  DiscoveredDevices: versioned(list(struct('DeviceInfo', { Source: text, ID: text }), 'omit'), { from: '1.50' }),
  Warnings: list(text),
  CDISpecDirs: versioned(list(text, 'empty'), { from: '1.46' }),
  Containerd: versioned(
    absent(
      optional(
        struct('ContainerdInfo', {
          Address: omitEmpty(text),
          Namespaces: optional(struct('ContainerdNamespaces', { Containers: text, Plugins: text })),
        }),
      ),
    ),
    { from: '1.46' },
  ),
});

/** Swarm is part of every answer, and always inactive here. */
const swarm = { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '', RemoteManagers: null };

export function writeInfo(value: SystemInfo, version: ApiVersion): object {
  return { ...(info.write(value, version) as object), Swarm: swarm };
}

const shown = omitEmpty(text);
const componentDetails = struct('ComponentDetails', {
  ApiVersion: shown,
  Arch: shown,
  BuildTime: shown,
  Experimental: shown,
  GitCommit: shown,
  GoVersion: shown,
  KernelVersion: shown,
  MinAPIVersion: shown,
  Os: shown,
});

const engineVersion: Codec<SystemVersion> = struct<SystemVersion>('Version', {
  Platform: optional(struct('Platform', { Name: text })),
  Components: list(struct('ComponentVersion', { Name: text, Version: text, Details: absent(optional(componentDetails)) }), 'omit'),
  Version: text,
  ApiVersion: text,
  MinAPIVersion: omitEmpty(text),
  GitCommit: text,
  GoVersion: text,
  Os: text,
  Arch: text,
  KernelVersion: omitEmpty(text),
  Experimental: omitEmpty(flag),
  BuildTime: omitEmpty(text),
});

/** The API versions are the gateway's own to tell. */
export function writeVersion(value: SystemVersion, version: ApiVersion): object {
  const apis = { ApiVersion: MAX_API_VERSION, MinAPIVersion: MIN_API_VERSION };
  const Components = value.Components.map((component) =>
    component.Name === 'Engine' && component.Details !== undefined
      ? { ...component, Details: { ...component.Details, ...apis } }
      : component,
  );
  return engineVersion.write({ ...value, Components, ...apis }, version) as object;
}

/** One line of /events. Up to 1.51 container and image events also said id, status and from at the top. */
export function writeEvent(event: EventMessage, version: ApiVersion): object {
  const actor = event.Actor;
  const legacy = !version.atLeast('1.52') && (event.Type === 'container' || event.Type === 'image');
  const image = event.Type === 'container' ? actor?.Attributes['image'] : undefined;
  return {
    ...(legacy ? { status: event.Action, id: actor?.ID ?? '', ...(image ? { from: image } : {}) } : {}),
    Type: event.Type,
    Action: event.Action,
    Actor: { ID: actor?.ID ?? '', Attributes: actor?.Attributes ?? {} },
    scope: event.scope || 'local',
    time: exactNumber(event.time),
    timeNano: exactNumber(event.timeNano),
  };
}
