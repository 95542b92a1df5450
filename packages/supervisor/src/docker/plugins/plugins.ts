import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { type CallContext, conflict, derive, type Logger, newContext, pause, prefixed } from '@gantry/rpc';
import { forgetManaged, listManaged, writeManaged } from '@gantry/service/plugins';
import { ContainerQueues } from '../../core/queues/queue';
import type { DockerEvents } from '../events';
import { PLUGINS_NAMESPACE, type PluginFolders } from './places';
import type { PluginProcesses } from './process';
import type { PluginRecord } from './record';
import type { PluginRecords } from './records';
import { removeRootfs } from './rootfs';
import { answers } from './socket';
import type { PluginStores } from './stores';

export interface PluginsNeeds {
  readonly records: PluginRecords;
  readonly processes: PluginProcesses;
  readonly folders: PluginFolders;
  readonly stores: PluginStores;
  readonly events: Pick<DockerEvents, 'emit'>;
  readonly logger: Logger;
}

/** One that ended is started again after so long, twice that at the next end, and so on, milliseconds; one that ran for so long begins anew. */
const AGAIN_MS = 100;
const LONGEST_MS = 10_000;

/** Managed plugins and their processes: an enabled one runs, and is started again when it ends. */
export class ManagedPlugins {
  /** One operation at a time for each. */
  private readonly queues = new ContainerQueues();
  /** Processes that are followed, by id. */
  private readonly followed = new Map<string, AbortController>();
  private stopping = false;
  /** What is older than this process and nobody's was left by a crash. */
  readonly since = Date.now();

  constructor(readonly needs: PluginsNeeds) {}

  /** The same call in the namespace of plugins, without the caller's lease. */
  inNamespace(ctx: CallContext): CallContext {
    const { lease: _lease, ...rest } = ctx;
    return { ...rest, namespace: PLUGINS_NAMESPACE };
  }

  /** Those that can be used: name and types. */
  enabled(): { readonly name: string; readonly types: readonly string[] }[] {
    return this.needs.records
      .list()
      .filter(({ enabled }) => enabled)
      .map(({ name, config }) => ({ name, types: config.Interface.Types ?? [] }));
  }

  /** Whether one of this name, with its tag or without, can be used once all run. */
  isEnabled(name: string): boolean {
    return this.enabled().some((plugin) => plugin.name === name || plugin.name === `${name}:latest`);
  }

  /** In turn with all that is done with this plugin. */
  inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.queues.run(id, work);
  }

  /** Starts what is enabled and does not run, and says where each is. Before any container is started. */
  async start(): Promise<void> {
    const { records, processes, logger, folders } = this.needs;
    const ctx = newContext({ namespace: PLUGINS_NAMESPACE, logger });
    const names = new Set(records.list().map(({ name }) => name));
    for (const { name } of await listManaged(folders.told)) if (!names.has(name)) await forgetManaged(folders.told, name);
    await Promise.all(
      records.list().map(async (plugin) => {
        try {
          await this.inTurn(plugin.id, async () => {
            if (plugin.enabled) await this.bringUp(ctx, plugin);
            else {
              await processes.remove(ctx, plugin);
              await this.tell(plugin);
            }
          });
        } catch (error) {
          logger.error({ err: error, plugin: plugin.name }, 'a plugin that is enabled could not be started: it is disabled');
          await this.tell(records.change(plugin.id, (record) => ({ ...record, enabled: false })));
        }
      }),
    );
  }

  /** Plugins go on, or end with the engine. */
  async stop({ live }: { readonly live: boolean }): Promise<void> {
    this.stopping = true;
    for (const following of this.followed.values()) following.abort();
    if (!live) {
      const ctx = newContext({ namespace: PLUGINS_NAMESPACE, logger: this.needs.logger });
      const enabled = this.needs.records.list().filter(({ enabled }) => enabled);
      await Promise.allSettled(enabled.map((plugin) => this.inTurn(plugin.id, () => this.needs.processes.stop(ctx, plugin))));
    }
    await this.queues.drain();
  }

  /** The process runs and listens; in turn. Nothing of it runs when it fails. */
  async enable(caller: CallContext, plugin: PluginRecord, timeout: number): Promise<void> {
    const ctx = this.inNamespace(caller);
    if (plugin.enabled) throw prefixed(conflict(`plugin ${plugin.name} is enabled`), 'plugin already enabled');
    await this.run(ctx, plugin);
    const enabled = this.needs.records.change(plugin.id, (record) => ({ ...record, enabled: true, timeout }));
    await this.tell(enabled);
    this.follow(plugin.id);
  }

  /** In turn. */
  async disable(caller: CallContext, plugin: PluginRecord): Promise<PluginRecord> {
    if (!plugin.enabled) throw conflict(`plugin is already disabled: plugin ${plugin.name} found but disabled`);
    this.followed.get(plugin.id)?.abort();
    await this.needs.processes.stop(this.inNamespace(caller), plugin);
    const disabled = this.needs.records.change(plugin.id, (record) => ({ ...record, enabled: false }));
    await this.tell(disabled);
    return disabled;
  }

  /** Forgets a plugin that is disabled, and all that it had. In turn. */
  async forget(caller: CallContext, plugin: PluginRecord): Promise<void> {
    const { records, folders, stores, processes } = this.needs;
    const ctx = this.inNamespace(caller);
    await processes.remove(ctx, plugin);
    records.remove(plugin.id);
    await forgetManaged(folders.told, plugin.name);
    await fs.rm(folders.own(plugin.id), { recursive: true, force: true });
    await removeRootfs(stores, ctx, { key: plugin.rootfsKey, snapshotter: plugin.snapshotter });
    await stores.images.delete(ctx, { name: plugin.image, sync: false }).catch(() => undefined); // somebody took the name away
  }

  /** Leaves word of a plugin for whoever calls plugins. */
  async tell({ id, name, enabled, config, rootfs, timeout }: PluginRecord): Promise<void> {
    const { folders } = this.needs;
    await writeManaged(folders.told, {
      name,
      id,
      enabled,
      socket: join(folders.sockets(id), config.Interface.Socket),
      types: config.Interface.Types ?? [],
      rootfs,
      ...(config.PropagatedMount === '' ? {} : { propagated: { inside: config.PropagatedMount, host: folders.propagated(id) } }),
      timeout,
    });
  }

  event(action: string, id: string, name: string): void {
    this.needs.events.emit({ type: 'plugin', action, id, attributes: { name } });
  }

  /** What runs is followed, what does not is started. */
  private async bringUp(ctx: CallContext, plugin: PluginRecord): Promise<void> {
    if (!(await this.needs.processes.isRunning(ctx, plugin.id))) await this.run(ctx, plugin);
    await this.tell(plugin);
    this.follow(plugin.id);
  }

  private async run(ctx: CallContext, plugin: PluginRecord): Promise<void> {
    const { processes, folders } = this.needs;
    await processes.start(ctx, plugin);
    try {
      await answers(join(folders.sockets(plugin.id), plugin.config.Interface.Socket), processes.ended(ctx, plugin.id));
    } catch (error) {
      await processes.stop(ctx, plugin);
      throw error;
    }
  }

  /** Starts it again whenever it ends by itself. */
  private follow(id: string): void {
    const { processes, records, logger } = this.needs;
    this.followed.get(id)?.abort();
    const following = new AbortController();
    this.followed.set(id, following);
    const ctx = newContext({ namespace: PLUGINS_NAMESPACE, logger, signal: following.signal });
    const stopped = (): boolean => following.signal.aborted || this.stopping;
    void (async () => {
      let wait = AGAIN_MS;
      while (!stopped()) {
        const began = performance.now();
        await processes.ended(ctx, id).catch(() => undefined); // the shim went away: it is asked again
        if (stopped()) return;
        await this.inTurn(id, async () => {
          const plugin = records.find(id);
          if (stopped() || plugin?.enabled !== true || (await processes.isRunning(ctx, id))) return;
          logger.warn({ plugin: plugin.name }, 'a plugin has ended and is started again');
          await this.run(derive(ctx, {}), plugin);
        }).catch((error: unknown) => logger.warn({ err: error, plugin: id }, 'a plugin could not be started again'));
        wait = performance.now() - began > LONGEST_MS ? AGAIN_MS : Math.min(wait * 2, LONGEST_MS);
        await pause(wait, { signal: following.signal });
      }
    })().finally(() => {
      if (this.followed.get(id) === following) this.followed.delete(id);
    });
  }
}
