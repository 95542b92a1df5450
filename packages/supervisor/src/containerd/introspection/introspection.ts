import { readlinkSync } from 'node:fs';
import type { IntrospectionService } from '@gantry/api/containerd/services/introspection/v1/introspection';
import { packAny } from '@gantry/api';
import { RuntimeInfo } from '@gantry/api/containerd/types/types';
import { type Handlers, notFound, notImplemented } from '@gantry/rpc';
import { pluginFields } from '../filter/fields';
import { compileFilters } from '@gantry/oci/filter';
import type { Snapshotters } from '../snapshotters';
import { plugins, RUNTIME_PLUGIN } from './plugins';
import type { DescribeRuntime } from './runtime-info';

export interface IntrospectionNeeds {
  /** The engine's identity, the same for the life of the data root. */
  readonly uuid: string;
  readonly snapshotters: Snapshotters;
  /** What is asked of the runtime plugin. */
  readonly describe: DescribeRuntime;
}

/** containerd.services.introspection.v1. */
export function introspectionHandlers({ uuid, snapshotters, describe }: IntrospectionNeeds): Handlers<typeof IntrospectionService> {
  return {
    async plugins(ctx, { filters }) {
      const matches = compileFilters(filters);
      return { plugins: plugins(await snapshotters(ctx)).filter((plugin) => matches(pluginFields(plugin))) };
    },
    async server() {
      return { uuid, pid: BigInt(process.pid), pidns: pidNamespace(), deprecations: [] };
    },
    async pluginInfo(ctx, { type, id, options }) {
      const plugin = plugins(await snapshotters(ctx)).find((one) => one.type === type && one.id === id);
      if (plugin === undefined) throw notFound(`plugin ${type}.${id}: not found`);
      if (options === undefined) return { plugin, extra: undefined };
      if (type !== RUNTIME_PLUGIN || id !== 'task')
        throw notImplemented(`plugin ${type}.${id} does not provide extra information: not implemented`);
      return { plugin, extra: packAny(RuntimeInfo, await describe(ctx, options)) };
    },
  };
}

/** Inode of our pid namespace, as namespaces(7) names it: `pid:[4026531836]`. */
function pidNamespace(): bigint {
  const match = /\[(\d+)\]/.exec(readlinkSync('/proc/self/ns/pid'));
  return BigInt(match?.[1] ?? 0);
}
