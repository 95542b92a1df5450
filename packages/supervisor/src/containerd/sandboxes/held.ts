import type { HoldersServiceService, HoldRequest } from '@gantry/api/gantry/shim/v1/shim';
import type { Sandbox } from '@gantry/api/containerd/types/types';
import { OCI_SPEC_TYPE_URL } from '@gantry/api';
import type { IdMapping, NamespaceType, Spec } from '@gantry/oci';
import { invalidArgument, type ServiceClient } from '@gantry/rpc';

/** Who holds namespaces: the shim. */
export type Holders = Pick<ServiceClient<typeof HoldersServiceService>, 'hold' | 'release' | 'list'>;

/** Name of the holder of a sandbox. */
export const holderId = (namespace: string, sandboxId: string): string => `${namespace}.${sandboxId}`;

/**
 * What is to be held for a sandbox of the controller `pod`: the namespaces that its OCI spec lists without a path, with the hostname and the sysctls.
 * Errors: invalidArgument for what a process that only holds has no part in.
 */
export function heldNamespaces(namespace: string, { sandboxId, spec }: Sandbox): HoldRequest {
  if (spec === undefined || spec.typeUrl !== OCI_SPEC_TYPE_URL)
    throw invalidArgument(`sandbox "${sandboxId}": its spec must be an OCI runtime spec: invalid argument`);
  const { hostname = '', linux } = JSON.parse(Buffer.from(spec.value).toString()) as Spec;
  const types = (linux?.namespaces ?? []).map(({ type, path }) => {
    if (path !== undefined)
      throw invalidArgument(`sandbox "${sandboxId}": namespace "${type}" with a path cannot be held: invalid argument`);
    if (!HELD.has(type)) throw invalidArgument(`sandbox "${sandboxId}": namespace "${type}" cannot be held: invalid argument`);
    return type;
  });
  return {
    id: holderId(namespace, sandboxId),
    network: types.includes('network'),
    ipc: types.includes('ipc'),
    uts: types.includes('uts'),
    pid: types.includes('pid'),
    hostname,
    sysctls: linux?.sysctl ?? {},
    ...(types.includes('user') ? mapsOf(sandboxId, linux) : { uidMap: '', gidMap: '' }),
  };
}

const HELD: ReadonlySet<NamespaceType> = new Set(['network', 'ipc', 'uts', 'pid', 'user']);

/** As the kernel reads them. */
function mapsOf(sandboxId: string, linux: Spec['linux']): Pick<HoldRequest, 'uidMap' | 'gidMap'> {
  const { uidMappings = [], gidMappings = [] } = linux ?? {};
  if (uidMappings.length === 0 || gidMappings.length === 0)
    throw invalidArgument(`sandbox "${sandboxId}": a user namespace needs uidMappings and gidMappings: invalid argument`);
  const lines = (ranges: readonly IdMapping[]): string =>
    ranges.map((range) => `${range.containerID} ${range.hostID} ${range.size}`).join('\n');
  return { uidMap: lines(uidMappings), gidMap: lines(gidMappings) };
}
