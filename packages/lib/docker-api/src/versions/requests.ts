import type { HostConfig, Mount, Network } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import type { ContainerCreateBody } from '../shapes/containers';
import type { ApiVersion } from './version';

/** What a request of certain API versions means otherwise than one of the newest. */
export interface Rule<B> {
  /** `1.43-`: from that version on; `-1.40`: before that one. */
  readonly versions: string;
  /** Changes the body in place: what a version had not is dropped or refused, what it left open gets its default of then. */
  readonly apply: (body: B) => void;
}

/** The body as its version means it, after all rules in their order. Throws what a rule refuses. */
export function asMeant<B>(rules: readonly Rule<B>[], body: B, version: ApiVersion): B {
  for (const rule of rules) if (version.within(rule.versions)) rule.apply(body);
  return body;
}

const host = (apply: (host: HostConfig) => void) => (body: ContainerCreateBody) => {
  if (body.HostConfig !== undefined) apply(body.HostConfig);
};

const mounts = (apply: (mount: Mount) => void) => host(({ Mounts }) => Mounts.forEach(apply));

const endpoints = (body: ContainerCreateBody) => Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});

/** POST /containers/create. */
export const createRules: readonly Rule<ContainerCreateBody>[] = [
  // before 1.25 the client removed the container
  { versions: '-1.25', apply: host((each) => (each.AutoRemove = false)) },
  {
    versions: '-1.40',
    apply: host((each) => {
      each.KernelMemoryTCP = 0n;
      if (each.IpcMode === '') each.IpcMode = 'shareable';
    }),
  },
  { versions: '-1.40', apply: mounts(({ BindOptions }) => BindOptions !== undefined && (BindOptions.NonRecursive = false)) },
  { versions: '-1.42', apply: host((each) => (each.ConsoleSize = [])) },
  {
    versions: '-1.42',
    apply: mounts((mount) => {
      if (mount.BindOptions !== undefined) mount.BindOptions.CreateMountpoint = false;
      // options of another type were taken and meant nothing
      if (mount.Type !== 'volume') mount.VolumeOptions = undefined;
      if (mount.Type !== 'tmpfs') mount.TmpfsOptions = undefined;
    }),
  },
  {
    versions: '1.42-',
    apply: mounts(({ Type, VolumeOptions, BindOptions, TmpfsOptions }) => {
      const owners = {
        VolumeOptions: [VolumeOptions, 'volume'],
        BindOptions: [BindOptions, 'bind'],
        TmpfsOptions: [TmpfsOptions, 'tmpfs'],
      };
      for (const [name, [options, owner]] of Object.entries(owners))
        if (options !== undefined && Type !== owner) throw invalidArgument(`${name} must not be specified on mount type "${Type}"`);
    }),
  },
  { versions: '-1.43', apply: host((each) => (each.Annotations = {})) },
  { versions: '-1.44', apply: ({ Healthcheck }) => Healthcheck !== undefined && (Healthcheck.StartInterval = 0n) },
  {
    versions: '-1.44',
    apply: mounts(({ Type, BindOptions }) => {
      if (Type === 'bind' && BindOptions?.ReadOnlyForceRecursive === true)
        throw invalidArgument('BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer');
    }),
  },
  {
    versions: '-1.44',
    apply(body) {
      const names = endpoints(body).map(([name]) => name);
      if (names.length > 1) throw invalidArgument(`Container cannot be created with multiple network endpoints: ${names.join(', ')}`);
    },
  },
  { versions: '-1.44', apply: onlyOwnMac },
  {
    versions: '-1.45',
    apply: mounts(({ VolumeOptions }) => {
      if ((VolumeOptions?.Subpath ?? '') !== '') throw invalidArgument('VolumeOptions.Subpath needs API v1.45 or newer');
    }),
  },
  { versions: '-1.48', apply: (body) => endpoints(body).forEach(([, each]) => (each.GwPriority = 0n)) },
  {
    versions: '-1.48',
    apply: mounts(({ Type }) => {
      if (Type === 'image') throw invalidArgument('Mount type "Image" needs API v1.48 or newer');
    }),
  },
];

/** Before 1.44 the container had a MAC address and its endpoints had none: the one endpoint there could be got it. */
function onlyOwnMac(body: ContainerCreateBody): void {
  for (const [, each] of endpoints(body)) each.MacAddress = body.MacAddress ?? '';
}

/** POST /containers/{id}/update. */
export const updateRules: readonly Rule<Pick<HostConfig, 'PidsLimit'>>[] = [
  { versions: '-1.40', apply: (body) => (body.PidsLimit = undefined) },
];

/** POST /networks/create. */
export const networkRules: readonly Rule<Pick<Network, 'EnableIPv4'>>[] = [
  { versions: '-1.48', apply: (body) => (body.EnableIPv4 = undefined) },
];

/** Binds that were read-only were so at their top alone before this version. */
export const RECURSIVE_READ_ONLY = '1.44-';
