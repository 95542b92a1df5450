import type { ClientCommand } from './command';
import { type PortMap, readPortSpecs, readPublishedSpecs } from './port-specs';
import { pathOf, updateContainer } from './update';

const usage = '[OPTIONS] CONTAINER [[IP:][HOSTPORT]:]PORT[/PROTO] [PORT...]';

/** `gantry publish`: tells where the ports are published, as `docker port` does. */
export const publish: ClientCommand = {
  name: 'publish',
  summary: 'Publish further ports of a container, at once where it runs, and whenever it starts',
  usage,
  least: 2,
  options: [],
  async run(api, [container = '', ...specs]) {
    const asked = readPortSpecs(specs);
    const warnings = await updateContainer(api, container, { Publish: asked });
    const { NetworkSettings: network } = (await api.call('GET', `${pathOf(container)}/json`)) as { NetworkSettings: { Ports: PortMap } };
    const lines = Object.keys(asked).flatMap((port) =>
      (network.Ports[port] ?? []).map(({ HostIp: ip, HostPort }) => `${port} -> ${ip.includes(':') ? `[${ip}]` : ip}:${HostPort}`),
    );
    return { lines, warnings };
  },
};

export const unpublish: ClientCommand = {
  name: 'unpublish',
  summary:
    'Take published ports of a container back, at once where it runs, and for its next starts; a port alone means all that is published of it',
  usage,
  least: 2,
  options: [],
  run: async (api, [container = '', ...specs]) => ({
    lines: [],
    warnings: await updateContainer(api, container, { Unpublish: readPublishedSpecs(specs) }),
  }),
};
