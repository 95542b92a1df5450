import type { EnginePluginsServiceService } from '@gantry/api/gantry/engine/v1/plugins';
import { type CallContext, conflict, detached, type Handlers, type StreamBroker } from '@gantry/rpc';
import { checkFilterKeys, filterFlag, filterValues, type FilterMap } from '../filters';
import { createPlugin } from './create';
import { typeParts } from './config';
import { checkUnused, type UseNeeds } from './in-use';
import type { ManagedPlugins } from './plugins';
import { pluginPrivileges, pullPlugin, upgradePlugin } from './pull';
import { pushPlugin } from './push';
import { type PluginRecord, shown } from './record';
import { withSettings } from './settings';

export interface PluginHandlersNeeds {
  readonly plugins: ManagedPlugins;
  readonly broker: Pick<StreamBroker, 'offer'>;
  readonly use: UseNeeds;
}

/** gantry.engine.v1.EnginePluginsService. */
export function pluginsHandlers({ plugins, broker, use }: PluginHandlersNeeds): Handlers<typeof EnginePluginsServiceService> {
  const { records } = plugins.needs;
  /** In turn, with the record as it is then. */
  const withPlugin = (ref: string, work: (plugin: PluginRecord) => Promise<unknown>): Promise<Record<string, never>> => {
    const { id } = records.require(ref);
    return plugins.inTurn(id, async () => {
      await work(records.require(id));
      return {};
    });
  };
  return {
    async listPlugins(_ctx, { filters }) {
      const suits = pluginFilter(filters);
      return {
        plugins: records
          .list()
          .filter(suits)
          .map((plugin) => JSON.stringify(shown(plugin))),
      };
    },
    async inspectPlugin(_ctx, { name }) {
      return { plugin: JSON.stringify(shown(records.require(name))) };
    },
    createPlugin: (ctx, { name }) => createPlugin(plugins, broker, ctx, name),
    enablePlugin: (ctx, { name, timeout }) =>
      withPlugin(name, async (plugin) => {
        await plugins.enable(detached(ctx), plugin, timeout);
        plugins.event('enable', plugin.id, name);
      }),
    disablePlugin: (ctx, { name, force }) =>
      withPlugin(name, async (plugin) => {
        if (!force && plugin.enabled) await checkUnused(use, engineCall(ctx), plugin.name);
        await plugins.disable(detached(ctx), plugin);
        plugins.event('disable', plugin.id, name);
      }),
    setPlugin: (_ctx, { name, settings }) =>
      withPlugin(name, async (plugin) => {
        records.change(plugin.id, (record) => withSettings(record, settings));
      }),
    removePlugin: (ctx, { name, force }) =>
      withPlugin(name, async (plugin) => {
        if (!force) {
          await checkUnused(use, engineCall(ctx), plugin.name);
          if (plugin.enabled) throw conflict(`plugin ${plugin.name} is enabled`);
        }
        const disabled = plugin.enabled ? await plugins.disable(detached(ctx), plugin) : plugin;
        await plugins.forget(detached(ctx), disabled);
        plugins.event('remove', plugin.id, name);
      }),
    async getPluginPrivileges(ctx, request) {
      const privileges = await pluginPrivileges(plugins, ctx, request);
      return { privileges: privileges ?? [], unknown: privileges === undefined };
    },
    async *pullPlugin(ctx, request) {
      for await (const progress of pullPlugin(plugins, ctx, request)) yield { progress };
    },
    async *upgradePlugin(ctx, request) {
      for await (const progress of upgradePlugin(plugins, ctx, request)) yield { progress };
    },
    async *pushPlugin(ctx, request) {
      for await (const progress of pushPlugin(plugins, ctx, request)) yield { progress };
    },
  };
}

/** Without the caller's lease: nothing that is looked up is to be held. */
function engineCall(ctx: CallContext): CallContext {
  const { lease: _lease, ...rest } = ctx;
  return rest;
}

/** As dockerd filters: a plugin goes where one of its capabilities is not asked for. */
export function pluginFilter(filters: FilterMap): (plugin: PluginRecord) => boolean {
  checkFilterKeys(filters, ['capability', 'enabled']);
  const enabled = filterFlag(filters, 'enabled');
  const capabilities = filterValues(filters, 'capability');
  return (plugin) =>
    (enabled === undefined || plugin.enabled === enabled) &&
    (capabilities.length === 0 || (plugin.config.Interface.Types ?? []).every((type) => capabilities.includes(typeParts(type).capability)));
}
