import type { ContainerInspectResponse } from '@gantry/api/gantry/engine/v1/types';
import { messageCodec } from '../messages';
import type { ApiVersion } from '../versions/version';

const predefined = new Set(['bridge', 'host', 'none']);

/** GET /containers/{id}/json. Before 1.45 the short id and the hostname were said among the aliases in networks of the user's. */
export function writeContainerInspect(container: ContainerInspectResponse, version: ApiVersion): object {
  const codec = messageCodec('ContainerInspectResponse');
  const networks = container.NetworkSettings?.Networks;
  if (version.atLeast('1.45') || networks === undefined) return codec.write(container, version) as object;
  const own = [container.Id.slice(0, 12), container.Config?.Hostname ?? ''];
  const named = Object.entries(networks).map(([name, each]) => [
    name,
    predefined.has(name) ? each : { ...each, Aliases: [...new Set([...each.Aliases, ...own])] },
  ]);
  return codec.write(
    { ...container, NetworkSettings: { ...container.NetworkSettings, Networks: Object.fromEntries(named) } } as ContainerInspectResponse,
    version,
  ) as object;
}
