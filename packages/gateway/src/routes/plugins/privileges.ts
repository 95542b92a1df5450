import { list, struct, text } from '@gantry/docker-api';
import type { PluginPrivilege } from '@gantry/api/gantry/engine/v1/plugins';
import { sendJson } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Exchange, Route } from '../../http/exchange';
import { registryAuth } from '../../http/registry-auth';

interface Privilege {
  Name: string;
  Description: string;
  Value: string[];
}

const codec = list(struct<Privilege>('types.PluginPrivilege', { Name: text, Description: text, Value: list(text) }));

/** What the user of a client agreed to. */
export async function agreedPrivileges(x: Exchange): Promise<PluginPrivilege[]> {
  return ((await readJson(x, codec)) ?? []).map(({ Name, Description, Value }) => ({ name: Name, description: Description, value: Value }));
}

export const pluginPrivileges: Route = {
  method: 'GET',
  path: '/plugins/privileges',
  operation: 'GetPluginPrivileges',
  async handle(x, engine) {
    const { privileges, unknown } = await engine.plugins.getPluginPrivileges(x.ctx, {
      remote: x.query.text('remote'),
      auth: registryAuth(x),
    });
    const told = privileges.map(({ name, description, value }) => ({ Name: name, Description: description, Value: value }));
    sendJson(x, 200, told.length === 0 && !unknown ? null : told);
  },
};
