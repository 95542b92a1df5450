import { EndpointSettings, type HostConfig, type NetworkingConfig } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import { joinedContainer } from '../validate/validate-modes';

/** Docker's names of the networks that every engine has. */
export function isPredefined(name: string): boolean {
  return name === 'bridge' || name === 'host' || name === 'none';
}

/** NetworkMode with docker's default written out. */
export function networkMode(mode: string): string {
  return mode === '' || mode === 'default' ? 'bridge' : mode;
}

/** Where there is no default bridge, who names none, or that one, has no network. */
export function withoutDefaultBridge(networking: NetworkingConfig | undefined): NetworkingConfig {
  const endpoints = Object.entries(networking?.EndpointsConfig ?? {}).filter(([name]) => networkMode(name) !== 'bridge');
  return { EndpointsConfig: Object.fromEntries(endpoints) };
}

export interface PlannedNetworks {
  /** By network name as asked; empty for a container that joins another's network. */
  readonly endpoints: Record<string, EndpointSettings>;
  /** Their names, the network of NetworkMode first. */
  readonly order: string[];
}

/** The networks that a container is to be connected to. Throws invalidArgument for settings that contradict each other. */
export function planNetworks(host: HostConfig, networking: NetworkingConfig | undefined, mac: string): PlannedNetworks {
  const mode = networkMode(host.NetworkMode);
  const asked = Object.entries(networking?.EndpointsConfig ?? {}).map(
    ([name, settings]) => [networkMode(name), EndpointSettings.create(settings)] as const,
  );
  if (joinedContainer(mode) !== undefined) return { endpoints: {}, order: [] };
  const endpoints: Record<string, EndpointSettings> = Object.fromEntries(asked);
  // Endpoints take the place of the default network, unless that is one of them, as docker has it.
  if (endpoints[mode] === undefined && (asked.length === 0 || mode !== 'bridge')) endpoints[mode] = EndpointSettings.create();
  if (isPredefined(mode) && mode !== 'bridge' && asked.some(([name]) => name !== mode)) {
    throw invalidArgument(`conflicting options: cannot attach both user-defined and non-user-defined network-modes`);
  }
  const main = endpoints[mode];
  if (mac !== '' && main !== undefined && main.MacAddress !== '' && main.MacAddress !== mac)
    throw invalidArgument('conflicting MAC address specified: must be the same in the container and in the endpoint configuration');
  if (mac !== '' && main !== undefined) main.MacAddress = mac;
  for (const [name, settings] of Object.entries(endpoints)) {
    const ip = settings.IPAMConfig;
    if (isPredefined(name) && ip !== undefined && (ip.IPv4Address !== '' || ip.IPv6Address !== '')) {
      throw invalidArgument('invalid endpoint settings:\nuser specified IP address is supported on user defined networks only');
    }
    if (isPredefined(name) && settings.Aliases.length > 0)
      throw invalidArgument('invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks');
  }
  return { endpoints, order: Object.keys(endpoints).sort((a, b) => Number(b === mode) - Number(a === mode)) };
}
