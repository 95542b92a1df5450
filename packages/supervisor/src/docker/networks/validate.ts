import type { CreateNetworkRequest } from '@gantry/api/gantry/network/v1/network';
import type { Network } from '@gantry/api/gantry/engine/v1/types';
import { forbidden, invalidArgument } from '@gantry/rpc';

/** Networks that every engine has. */
const PREDEFINED: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'default']);

/** Drivers whose one network is made by the engine itself. */
const SINGLETONS: ReadonlySet<string> = new Set(['host', 'null']);

export function isPredefined(name: string): boolean {
  return PREDEFINED.has(name);
}

/**
 * What the network service is asked for. Throws dockerd's errors: forbidden for names and drivers that are the engine's own, and for what only a
 * swarm has. Whether a plugin has the name of a driver is the service's to know.
 */
export function createRequest(wanted: Network): CreateNetworkRequest {
  const name = wanted.Name;
  if (name.trim() === '') throw invalidArgument('network name cannot be empty');
  if (isPredefined(name)) throw forbidden(`operation is not permitted on predefined ${name} network`);
  const driver = wanted.Driver || 'bridge';
  if (SINGLETONS.has(driver) && !wanted.ConfigOnly) throw forbidden(`only one instance of "${driver}" network is allowed`);
  if (wanted.Ingress)
    throw forbidden(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    );
  // dockerd keeps any other word, and a network of which nothing comes
  if (wanted.Scope === 'swarm') throw forbidden('cannot create a swarm scoped network when swarm is not active');
  const scopes = driver === 'overlay' ? ['', 'global'] : ['', 'local'];
  if (!scopes.includes(wanted.Scope)) throw invalidArgument(`network ${name}: scope "${wanted.Scope}" is not supported`);
  const ipam = wanted.IPAM;
  return {
    name,
    driver,
    internal: wanted.Internal,
    attachable: wanted.Attachable,
    ingress: false,
    enableIpv4: wanted.EnableIPv4,
    enableIpv6: wanted.EnableIPv6,
    options: wanted.Options,
    labels: wanted.Labels,
    ipamDriver: ipam?.Driver ?? '',
    ipamOptions: ipam?.Options ?? {},
    ipamOptionsGiven: ipam?.givenEmpty.includes('Options') ?? false,
    pools: (ipam?.Config ?? []).map(({ Subnet, Gateway, IPRange, AuxiliaryAddresses }) => ({
      subnet: Subnet,
      gateway: Gateway,
      ipRange: IPRange,
      auxAddresses: AuxiliaryAddresses,
      configured: true,
    })),
    scope: wanted.Scope,
    configOnly: wanted.ConfigOnly,
    configFrom: wanted.ConfigFrom?.Network ?? '',
  };
}
