import type { EndpointRecord, NetworkRecord } from '../store/record';
import { driverOf, networkOf, type Parts } from './parts';

/** What decides about the default route. */
interface Claim {
  readonly priority: number;
  readonly network: string;
}

/** Whether a network leads outside: an endpoint on it can carry the default route and published ports. */
export function leadsOutside(parts: Parts, network: NetworkRecord): boolean {
  return driverOf(parts, network).traits.namespace === 'connected' && !network.internal;
}

/** Docker's order: the highest priority first, then the network's name. Negative when `a` goes before `b`. */
function compareClaims(a: Claim, b: Claim): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  return a.network < b.network ? -1 : a.network > b.network ? 1 : 0;
}

export function outranks(parts: Parts, claim: Claim, holder: EndpointRecord): boolean {
  return compareClaims(claim, claimOf(parts, holder)) < 0;
}

/** Who of a sandbox's endpoints is to carry the default route. */
export function bestRouter(parts: Parts, endpoints: readonly EndpointRecord[]): EndpointRecord | undefined {
  return endpoints
    .filter((endpoint) => leadsOutside(parts, networkOf(parts, endpoint)))
    .sort((a, b) => compareClaims(claimOf(parts, a), claimOf(parts, b)))[0];
}

const claimOf = (parts: Parts, endpoint: EndpointRecord): Claim => ({
  priority: endpoint.gatewayPriority ?? 0,
  network: networkOf(parts, endpoint).name,
});
