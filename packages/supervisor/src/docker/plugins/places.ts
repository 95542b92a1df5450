import { join } from 'node:path';
import { managedFolder } from '@gantry/service/plugins';

/** containerd's namespace of plugins: content, snapshots, images, containers and tasks. */
export const PLUGINS_NAMESPACE = 'plugins.moby';
/** Of an id, what paths of sockets have: they must not be long. */
const SHORT = 12;

/** Where things of plugins lie. */
export class PluginFolders {
  constructor(private readonly roots: { readonly data: string; readonly run: string }) {}

  /** Where word is left of all plugins. */
  get told(): string {
    return managedFolder(this.roots.run);
  }

  /** Folder of a plugin's socket. */
  sockets(id: string): string {
    return join(this.told, id.slice(0, SHORT));
  }

  /** Durable folder of a plugin. */
  own(id: string): string {
    return join(this.roots.data, 'plugins', id);
  }

  /** Folder of the host in which mounts are seen that the plugin makes. */
  propagated(id: string): string {
    return join(this.own(id), 'propagated-mount');
  }

  log(id: string): string {
    return join(this.own(id), 'plugin.log');
  }
}
