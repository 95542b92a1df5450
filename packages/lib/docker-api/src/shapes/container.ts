import type { ContainerInspectResponse, ContainerState, ContainerSummary } from '@gantry/api/gantry/engine/v1/types';
import { type Codec, flag, int64, list, map, omitEmpty, optional, struct, text, uint, versioned } from '../json/codec';
import { absent, containerConfig } from './container-config';
import { driverData, ociDescriptor } from './descriptor';
import { hostConfig } from './host-config';
import { mountPoint } from './mounts';
import { endpointSettings, networkSettings } from './networks';

const state: Codec<ContainerState> = struct<ContainerState>('State', {
  Status: text,
  Running: flag,
  Paused: flag,
  Restarting: flag,
  OOMKilled: flag,
  Dead: flag,
  Pid: int64('int'),
  ExitCode: int64('int'),
  Error: text,
  StartedAt: text,
  FinishedAt: text,
  Health: absent(
    optional(
      struct('Health', {
        Status: text,
        FailingStreak: int64('int'),
        Log: list(struct('HealthcheckResult', { Start: text, End: text, ExitCode: int64('int'), Output: text }), 'empty'),
      }),
    ),
  ),
});

/** container.InspectResponse: GET /containers/{id}/json. */
export const containerInspect: Codec<ContainerInspectResponse> = struct<ContainerInspectResponse>('InspectResponse', {
  Id: text,
  Created: optional(text),
  Path: text,
  Args: list(text, 'empty'),
  State: optional(state),
  Image: text,
  ResolvConfPath: text,
  HostnamePath: text,
  HostsPath: text,
  LogPath: { ...optional(text), write: (value) => value ?? '' },
  Name: text,
  RestartCount: int64('int'),
  Driver: text,
  Platform: text,
  ImageManifestDescriptor: versioned(absent(optional(ociDescriptor)), { from: '1.48' }),
  MountLabel: text,
  ProcessLabel: text,
  AppArmorProfile: text,
  ExecIDs: list(text),
  HostConfig: optional(hostConfig),
  GraphDriver: { ...optional(driverData), write: (value, version) => driverData.write(value ?? { Name: '', Data: {} }, version) },
  SizeRw: absent(optional(int64())),
  SizeRootFs: absent(optional(int64())),
  Mounts: list(mountPoint, 'empty'),
  Config: optional(containerConfig),
  NetworkSettings: optional(networkSettings),
});

/** container.Summary: one line of `docker ps`. */
export const containerSummary: Codec<ContainerSummary> = struct<ContainerSummary>('Summary', {
  Id: text,
  Names: list(text, 'empty'),
  Image: text,
  ImageID: text,
  ImageManifestDescriptor: versioned(absent(optional(ociDescriptor)), { from: '1.48' }),
  Command: text,
  Created: int64(),
  Ports: list(
    struct('Port', { IP: omitEmpty(text), PrivatePort: uint('uint16', 16), PublicPort: omitEmpty(uint('uint16', 16)), Type: text }),
    'empty',
  ),
  SizeRw: absent(optional(int64())),
  SizeRootFs: absent(optional(int64())),
  Labels: map(text),
  State: text,
  Status: text,
  HostConfig: {
    ...optional(struct('HostConfig', { NetworkMode: omitEmpty(text), Annotations: versioned(map(text, 'omit'), { from: '1.46' }) })),
    write: (value, version) => ({
      ...(value?.NetworkMode ? { NetworkMode: value.NetworkMode } : {}),
      ...(version.atLeast('1.46') && Object.keys(value?.Annotations ?? {}).length > 0 ? { Annotations: value?.Annotations } : {}),
    }),
  },
  NetworkSettings: optional(struct('NetworkSettingsSummary', { Networks: map(endpointSettings) })),
  Mounts: list(mountPoint, 'empty'),
});
