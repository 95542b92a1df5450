import { readlinkSync } from 'node:fs';
import type { IntrospectionService } from '@gantry/api/containerd/services/introspection/v1/introspection';
import { type Handlers, notFound, notImplemented } from '@gantry/rpc';
import { pluginFields } from '../filter/fields';
import { compileFilters } from '../filter/filter';
import type { Snapshotters } from '../snapshotters';
import { plugins } from './plugins';

/** containerd.services.introspection.v1. `uuid` is the engine's identity, the same for the life of the data root. */
export function introspectionHandlers(uuid: string, snapshotters: Snapshotters): Handlers<typeof IntrospectionService> {
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
      if (options !== undefined) throw notImplemented(`plugin ${type}.${id}: options are not supported`);
      return { plugin, extra: undefined };
    },
  };
}

/** Inode of our pid namespace, as namespaces(7) names it: `pid:[4026531836]`. */
function pidNamespace(): bigint {
  const match = /\[(\d+)\]/.exec(readlinkSync('/proc/self/ns/pid'));
  return BigInt(match?.[1] ?? 0);
}
