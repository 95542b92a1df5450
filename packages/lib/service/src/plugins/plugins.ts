import { failedPrecondition, GantryError, isErrorOf, notFound, pause } from '@gantry/rpc';
import { PluginClient } from './client';
import { findManaged, listManaged, type ManagedPlugin, onHost, provides } from './managed';
import { pluginNames } from './names';
import { findPlugin, type PluginPlaces } from './places';

/** What a plugin can be, in the words of its manifest. */
export type PluginKind = 'NetworkDriver' | 'IpamDriver' | 'authz' | 'LogDriver' | 'VolumeDriver';

/** What a call of a managed plugin may take whose enabling said nothing. */
const DEFAULT_SECONDS = 30;
/** One that has not left word of itself yet is looked for again: so often, and so long, as docker does. */
const AGAIN_MS = 250;
const PATIENCE_MS = 15_000;

interface Activated {
  readonly client: PluginClient;
  readonly kinds: ReadonlySet<string>;
}

/** Docker's plugins: found when they are asked for, activated once. One whose address changes is another one. */
export class Plugins {
  readonly #active = new Map<string, { readonly address: string; readonly plugin: Promise<Activated> }>();

  constructor(
    private readonly places: PluginPlaces,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** Names that may be asked for. */
  async names(): Promise<readonly string[]> {
    const managed = (await this.managed()).filter(({ enabled }) => enabled).map(({ name }) => name);
    return [...managed, ...(await pluginNames(this.places))];
  }

  /** Managed plugins, enabled or not. */
  managed(): Promise<readonly ManagedPlugin[]> {
    return this.places.managed === undefined ? Promise.resolve([]) : listManaged(this.places.managed);
  }

  /**
   * A managed plugin before one that left word of itself. Errors: notFound for a name that no plugin has, failedPrecondition for one of another kind or one that is
   * disabled, and those of the plugin.
   */
  async get(name: string, kind: PluginKind): Promise<PluginClient> {
    const managed = this.places.managed === undefined ? undefined : await findManaged(this.places.managed, name);
    if (managed !== undefined) return managedClient(managed, name, kind);
    const address = await findPlugin(this.places, name);
    if (address === undefined) throw notFound(`plugin ${JSON.stringify(name)} not found`);
    const key = JSON.stringify(address);
    let known = this.#active.get(name);
    if (known?.address !== key) {
      known = { address: key, plugin: activate(new PluginClient(name, address)) };
      this.#active.set(name, known);
      known.plugin.catch(() => this.#active.delete(name));
    }
    const { client, kinds } = await known.plugin;
    if (kinds.has(kind)) return client;
    throw failedPrecondition(
      `Plugin does not implement the requested driver: plugin=${JSON.stringify(name)}, requested implementation="${kind}"`,
    );
  }

  /** The same where the plugin may only be starting, as beside the engine at boot: notFound only once it has been waited for. */
  async getSoon(name: string, kind: PluginKind): Promise<PluginClient> {
    const end = performance.now() + this.patienceMs;
    for (;;) {
      try {
        return await this.get(name, kind);
      } catch (error) {
        if (!isErrorOf(error, 'notFound') || performance.now() >= end) throw error;
      }
      await pause(AGAIN_MS, { ref: false });
    }
  }
}

/** A managed plugin needs no activation: its configuration says what it is. */
function managedClient(plugin: ManagedPlugin, asked: string, kind: PluginKind): PluginClient {
  if (!plugin.enabled) throw new GantryError('conflict', `plugin ${asked} found but disabled`, { meta: { plugin: 'disabled' } });
  if (!provides(plugin, kind)) throw failedPrecondition(`plugin does not provide "${kind.toLowerCase()}" capability`);
  const place = { onHost: (path: string) => onHost(plugin, path), callMs: (plugin.timeout || DEFAULT_SECONDS) * 1000 };
  return new PluginClient(plugin.name, { url: `unix://${plugin.socket}` }, place);
}

async function activate(client: PluginClient): Promise<Activated> {
  const { Implements: kinds } = await client.call('Plugin.Activate', {});
  return { client, kinds: new Set(Array.isArray(kinds) ? kinds.filter((kind) => typeof kind === 'string') : []) };
}
