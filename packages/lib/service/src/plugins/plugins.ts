import { failedPrecondition, notFound } from '@gantry/rpc';
import { PluginClient } from './client';
import { pluginNames } from './names';
import { findPlugin, type PluginPlaces } from './places';

/** What a plugin can be, in the words of its manifest. */
export type PluginKind = 'NetworkDriver' | 'IpamDriver' | 'authz' | 'LogDriver' | 'VolumeDriver';

interface Activated {
  readonly client: PluginClient;
  readonly kinds: ReadonlySet<string>;
}

/** Docker's plugins: found when they are asked for, activated once. One whose address changes is another one. */
export class Plugins {
  readonly #active = new Map<string, { readonly address: string; readonly plugin: Promise<Activated> }>();

  constructor(private readonly places: PluginPlaces) {}

  /** Names that may be asked for. */
  names(): Promise<readonly string[]> {
    return pluginNames(this.places);
  }

  /** Errors: notFound for a name that no plugin has, failedPrecondition for one of another kind, and those of the plugin. */
  async get(name: string, kind: PluginKind): Promise<PluginClient> {
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
}

async function activate(client: PluginClient): Promise<Activated> {
  const { Implements: kinds } = await client.call('Plugin.Activate', {});
  return { client, kinds: new Set(Array.isArray(kinds) ? kinds.filter((kind) => typeof kind === 'string') : []) };
}
