import type { HostConfig, Mount, Network } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import type { ContainerCreateBody } from '../shapes/containers';
import type { NetworkConnectBody } from '../shapes/networks';
import { anyEndpoint, mainEndpoint, moveInterfaceSysctls, moveMac, refuseInterfaceSysctls } from './main-endpoint';
import type { ApiVersion } from './version';

/** What a request of certain API versions means otherwise than one of the newest. */
export interface Rule<B> {
  /** `1.43-`: from that version on; `-1.40`: before that one. */
  readonly versions: string;
  /** Changes the body in place: what a version had not is dropped or refused, what it left open gets its default of then. `warn` tells the client. */
  readonly apply: (body: B, warn: (warning: string) => void) => void;
}

/** The body as its version means it, after all rules in their order. Throws what a rule refuses. */
export function asMeant<B>(rules: readonly Rule<B>[], body: B, version: ApiVersion, warn: (warning: string) => void = () => undefined): B {
  for (const rule of rules) if (version.within(rule.versions)) rule.apply(body, warn);
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
  { versions: '-1.44', apply: (body) => moveMac(body, anyEndpoint) },
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
  { versions: '1.48-', apply: warnOfVolumeDriver },
  {
    versions: '1.44-1.52',
    apply(body, warn) {
      if (moveMac(body, mainEndpoint))
        warn('The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.');
    },
  },
  {
    versions: '1.52-',
    apply({ MacAddress }) {
      if ((MacAddress ?? '') !== '')
        throw invalidArgument('container-wide MAC address no longer supported; use endpoint-specific MAC address instead');
    },
  },
  { versions: '-1.44', apply: (body, warn) => moveInterfaceSysctls(body, anyEndpoint, warn) },
  { versions: '1.44-1.48', apply: (body, warn) => moveInterfaceSysctls(body, mainEndpoint, warn) },
  { versions: '1.48-', apply: refuseInterfaceSysctls },
  { versions: '1.52-', apply: host((each) => (each.KernelMemoryTCP = 0n)) },
  { versions: '1.52-', apply: warnOfEmptyBindings },
];

/** The driver of --volume-driver is that of volumes of --volume alone. Older clients said so themselves. */
function warnOfVolumeDriver({ HostConfig: asked }: ContainerCreateBody, warn: (warning: string) => void): void {
  const open = asked?.Mounts.some(({ Type, VolumeOptions }) => Type === 'volume' && (VolumeOptions?.DriverConfig?.Name ?? '') === '');
  if (asked !== undefined && asked.VolumeDriver !== '' && open === true)
    warn(
      "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead",
    );
}

/** A port with an empty list of bindings is published as one with a binding that says nothing. */
function warnOfEmptyBindings({ HostConfig: asked }: ContainerCreateBody, warn: (warning: string) => void): void {
  const empty = Object.entries(asked?.PortBindings ?? {}).filter(([, { items }]) => items.length === 0);
  if (empty.length > 0)
    warn(
      `Following container port(s) have an empty list of port-bindings: ${empty.map(([port]) => port).join(', ')}. Such bindings will be discarded in a future version.`,
    );
}

/** POST /containers/{id}/update. */
export const updateRules: readonly Rule<UpdateBody>[] = [
  { versions: '-1.40', apply: (body) => (body.PidsLimit = undefined) },
  { versions: '1.52-', apply: (body) => (body.KernelMemoryTCP = 0n) },
  {
    // they were said before, and did nothing
    versions: '-1.55',
    apply(body) {
      for (const name of deviceLimits) body[name] = [];
      body.givenEmpty = body.givenEmpty.filter((name) => !(deviceLimits as readonly string[]).includes(name));
    },
  },
];

const deviceLimits = [
  'BlkioWeightDevice',
  'BlkioDeviceReadBps',
  'BlkioDeviceWriteBps',
  'BlkioDeviceReadIOps',
  'BlkioDeviceWriteIOps',
] as const satisfies readonly (keyof HostConfig)[];

type UpdateBody = Pick<HostConfig, 'PidsLimit' | 'KernelMemoryTCP' | 'givenEmpty' | (typeof deviceLimits)[number]>;

/** POST /networks/{id}/connect. */
export const connectRules: readonly Rule<NetworkConnectBody>[] = [
  // the member was there, and did nothing
  { versions: '-1.54', apply: ({ EndpointConfig }) => EndpointConfig !== undefined && (EndpointConfig.MacAddress = '') },
];

/** POST /networks/create. */
export const networkRules: readonly Rule<Pick<Network, 'EnableIPv4'>>[] = [
  { versions: '-1.48', apply: (body) => (body.EnableIPv4 = undefined) },
];

/** Binds that were read-only were so at their top alone before this version. */
export const RECURSIVE_READ_ONLY = '1.44-';
