import type { Mount } from '@gantry/api/containerd/types/types';
import { type IDMapping, NamespaceMode, type PodSandboxConfig, type UserNamespace } from '@gantry/api/runtime/v1/api';
import type { IdMapping } from '@gantry/oci';
import { unknown } from '../failures';
import { namespacesOf } from './pod';

/** The ids of a pod with a user namespace of its own. */
export interface PodIds {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

/** A range of ids in OCI's words. */
export const rangeOf = ({ hostId, containerId, length }: IDMapping): IdMapping => ({
  hostID: hostId,
  containerID: containerId,
  size: length,
});

/** Undefined: the pod has the host's ids. Throws unknown for what cannot be. */
export function idsOf(config: PodSandboxConfig): PodIds | undefined {
  const options = namespacesOf(config);
  const user = options.usernsOptions;
  if (user === undefined || user.mode === NamespaceMode.NODE) {
    if ((user?.uids.length ?? 0) + (user?.gids.length ?? 0) > 0) throw unknown('can not use user namespace mode NODE with ID mappings');
    return undefined;
  }
  if (user.mode !== NamespaceMode.POD) throw unknown(`unsupported user namespace mode: ${NamespaceMode[user.mode]}`);
  for (const [name, ranges] of [
    ['uid', user.uids],
    ['gid', user.gids],
  ] as const) {
    if (ranges.length !== 1) throw unknown(`only one ${name} mapping is supported, got ${ranges.length}`);
    if (ranges.some(({ length }) => length === 0)) throw unknown(`mapping of length zero for ${name}s is not supported`);
  }
  for (const name of ['network', 'pid', 'ipc'] as const)
    if (options[name] === NamespaceMode.NODE) throw unknown(`can not use the host's ${name} namespace in a pod with a user namespace`);
  if (config.linux?.securityContext?.privileged === true) throw unknown('privileged is incompatible with user namespaces');
  return { uids: user.uids.map(rangeOf), gids: user.gids.map(rangeOf) };
}

/** A container says the same as its pod, or nothing. Throws unknown in containerd's words. */
export function checkSameIds(pod: UserNamespace | undefined, container: UserNamespace | undefined): void {
  const textOf = (given: UserNamespace | undefined): string =>
    given === undefined || given.mode === NamespaceMode.NODE ? '' : JSON.stringify([given.uids.map(rangeOf), given.gids.map(rangeOf)]);
  if (container !== undefined && textOf(pod) !== textOf(container))
    throw unknown('user namespace config for sandbox is different from container');
}

/** Mounts as they are seen through the pod's map: containerd's options for it. */
export function mappedMounts(mounts: readonly Mount[], ids: PodIds | undefined): Mount[] {
  if (ids === undefined) return [...mounts];
  const textOf = (ranges: readonly IdMapping[]): string =>
    ranges.map((range) => `${range.containerID}:${range.hostID}:${range.size}`).join(',');
  const options = [`uidmap=${textOf(ids.uids)}`, `gidmap=${textOf(ids.gids)}`];
  return mounts.map((mount) => ({ ...mount, options: [...mount.options, ...options] }));
}
