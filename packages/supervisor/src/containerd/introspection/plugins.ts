import type { Plugin } from '@gantry/api/containerd/services/introspection/v1/introspection';
import type { Platform } from '@gantry/api/containerd/types/types';
import { hostPlatform } from '@gantry/oci';

/** Type of the plugin that runs tasks. */
export const RUNTIME_PLUGIN = 'io.containerd.runtime.v2';

const GRPC_SERVICES = [
  'containers',
  'content',
  'diff',
  'events',
  'healthcheck',
  'images',
  'introspection',
  'leases',
  'mounts',
  'namespaces',
  'sandbox-controllers',
  'sandboxes',
  'snapshots',
  'streaming',
  'tasks',
  'transfer',
  'version',
] as const;

/** What this engine offers in containerd's words. Clients look for a snapshotter and a task runtime here. */
export function plugins(snapshotters: readonly string[]): Plugin[] {
  const platform: Platform = { os: 'linux', architecture: hostPlatform().architecture, variant: '', osVersion: '', osFeatures: [] };
  const plugin = (type: string, id: string, more: Partial<Plugin> = {}): Plugin => ({
    type: `io.containerd.${type}`,
    id,
    requires: [],
    platforms: [],
    exports: {},
    capabilities: [],
    initErr: undefined,
    ...more,
  });
  const here = { platforms: [platform] };
  return [
    plugin('content.v1', 'content'),
    ...snapshotters.map((id) => plugin('snapshotter.v1', id, here)),
    plugin('metadata.v1', 'sqlite'),
    plugin('mount-manager.v1', 'shim', here),
    plugin('differ.v1', 'walking', here),
    plugin('event.v1', 'exchange'),
    plugin('gc.v1', 'scheduler'),
    plugin('lease.v1', 'manager'),
    plugin('transfer.v1', 'local'),
    plugin('runtime.v2', 'task', here),
    plugin('sandbox.store.v1', 'local'),
    plugin('sandbox.controller.v1', 'shim', here),
    ...GRPC_SERVICES.map((id) => plugin('grpc.v1', id)),
  ];
}
