import { familiarString, parseReference, withDefaultTag } from '@gantry/oci';
import type { Exchange, Route } from '../../http/exchange';
import { registryAuth } from '../../http/registry-auth';
import { sendProgress } from '../../streams/progress';
import { agreedPrivileges } from './privileges';

/** Clients learn from the header what a plugin is called that was pulled. */
function tellName(x: Exchange, remote: string, name: string): void {
  const { domain, path, tag } = parseReference(name === '' ? remote : name);
  x.response.setHeader('Docker-Plugin-Name', familiarString(withDefaultTag({ domain, path, ...(tag === undefined ? {} : { tag }) })));
}

export const pluginPull: Route = {
  method: 'POST',
  path: '/plugins/pull',
  operation: 'PluginPull',
  async handle(x, engine) {
    const [remote, name] = [x.query.text('remote'), x.query.text('name')];
    const privileges = await agreedPrivileges(x);
    tellName(x, remote, name);
    await sendProgress(x, engine.plugins.pullPlugin(x.ctx, { remote, name, auth: registryAuth(x), privileges }));
  },
};

export const pluginUpgrade: Route = {
  method: 'POST',
  path: '/plugins/{name:.*}/upgrade',
  operation: 'PluginUpgrade',
  async handle(x, engine) {
    const [remote, name] = [x.query.text('remote'), x.params['name'] ?? ''];
    const privileges = await agreedPrivileges(x);
    tellName(x, remote, name);
    await sendProgress(x, engine.plugins.upgradePlugin(x.ctx, { name, remote, auth: registryAuth(x), privileges }));
  },
};
