import type { ContainerConfig, HostConfig, NetworkingConfig } from '@gantry/api/gantry/engine/v1/types';
import { type Codec, optional, text } from '../json/codec';
import { struct } from '../json/struct';
import { JsonObject } from '../json/value';
import { messageCodec, messageFields } from '../messages';
import { networkingConfig } from './networking';
import { pick } from './pick';

export type ContainerCreateBody = ContainerConfig & {
  HostConfig: HostConfig | undefined;
  NetworkingConfig: NetworkingConfig | undefined;
  Runtime: string;
  /** Whether any member of the configuration was given, be it empty: a body without one configures nothing. */
  configured: boolean;
};

const config = messageFields('ContainerConfig');
const configNames = new Set(Object.keys(config).map((name) => name.toLowerCase()));

const createMembers = struct<Omit<ContainerCreateBody, 'configured'>>('container.CreateRequest', {
  ...config,
  HostConfig: optional(messageCodec('HostConfig')),
  NetworkingConfig: optional(networkingConfig),
  Runtime: text,
});

/** Body of POST /containers/create. docker-py sends the runtime beside the HostConfig. */
export const containerCreateBody: Codec<ContainerCreateBody> = {
  ...createMembers,
  zero: () => ({ ...createMembers.zero(), configured: false }),
  read: (value, place) => ({
    ...createMembers.read(value, place),
    configured:
      value instanceof JsonObject && value.members.some(([name, member]) => member !== null && configNames.has(name.toLowerCase())),
  }),
};

/** container.Resources: the limits that an update takes, too. */
const limits = [
  ...([
    'CpuShares',
    'Memory',
    'NanoCpus',
    'CgroupParent',
    'BlkioWeight',
    'BlkioWeightDevice',
    'BlkioDeviceReadBps',
    'BlkioDeviceWriteBps',
  ] as const),
  ...([
    'BlkioDeviceReadIOps',
    'BlkioDeviceWriteIOps',
    'CpuPeriod',
    'CpuQuota',
    'CpuRealtimePeriod',
    'CpuRealtimeRuntime',
    'CpusetCpus',
  ] as const),
  ...(['CpusetMems', 'Devices', 'DeviceCgroupRules', 'DeviceRequests', 'KernelMemoryTCP', 'MemoryReservation', 'MemorySwap'] as const),
  ...([
    'MemorySwappiness',
    'OomKillDisable',
    'PidsLimit',
    'Ulimits',
    'CpuCount',
    'CpuPercent',
    'IOMaximumIOps',
    'IOMaximumBandwidth',
  ] as const),
] satisfies readonly (keyof HostConfig)[];

/** What docker's API has no words for. No client of its sends it: it is below one member, whose name is nobody else's. */
const beyondDocker = struct<{
  Publish: HostConfig['PortBindings'];
  Unpublish: HostConfig['PortBindings'];
  SetEnv: HostConfig['Binds'];
  UnsetEnv: HostConfig['Binds'];
  Binds: HostConfig['Binds'];
  Mounts: HostConfig['Mounts'];
  Unmount: HostConfig['Binds'];
}>('container.GantryUpdate', {
  Publish: messageFields('HostConfig').PortBindings,
  Unpublish: messageFields('HostConfig').PortBindings,
  SetEnv: messageFields('HostConfig').Binds,
  UnsetEnv: messageFields('HostConfig').Binds,
  Binds: messageFields('HostConfig').Binds,
  Mounts: messageFields('HostConfig').Mounts,
  Unmount: messageFields('HostConfig').Binds,
});

/** Body of POST /containers/{id}/update. Init is a limit in the API's description, and nobody's. */
export const containerUpdateBody = struct(
  'container.UpdateConfig',
  { ...pick(messageFields('HostConfig'), [...limits, 'RestartPolicy', 'HealthcheckOnFailureAction', 'givenEmpty']), Gantry: beyondDocker },
  { refused: ['KernelMemory', 'Init'] },
);
