import type { EndpointRecord, NetworkRecord } from '../store/record';
import { driverOf, networkOf, type Parts } from './parts';

/** What decides about the default route. */
interface Claim {
  /** Somebody routes both IPv4 and IPv6. */
  readonly dual: boolean;
  readonly priority: number;
  readonly network: string;
}

/** Whether a network leads outside: an endpoint on it can carry the default route and published ports. */
export function leadsOutside(parts: Parts, network: NetworkRecord): boolean {
  return driverOf(parts, network).traits.namespace === 'connected' && !network.internal;
}

/** Whether somebody routes for the endpoint, in whatever family. */
export const hasGateway = ({ gateway, ipv6 }: Pick<EndpointRecord, 'gateway' | 'ipv6'>): boolean =>
  gateway !== '' || (ipv6?.gateway ?? '') !== '';

/** Docker's order: what leads outside in both families first, then the highest priority, then the network's name. Negative when `a` goes before `b`. */
function compareClaims(a: Claim, b: Claim): number {
  if (a.dual !== b.dual) return a.dual ? -1 : 1;
  if (a.priority !== b.priority) return b.priority - a.priority;
  return a.network < b.network ? -1 : a.network > b.network ? 1 : 0;
}

export function outranks(parts: Parts, claim: Claim, holder: EndpointRecord): boolean {
  return compareClaims(claim, claimOf(parts, holder)) < 0;
}

/** Those of a sandbox's endpoints that can carry the default route, the best first. */
export function ranked(parts: Parts, endpoints: readonly EndpointRecord[]): EndpointRecord[] {
  return endpoints
    .filter((endpoint) => hasGateway(endpoint) && leadsOutside(parts, networkOf(parts, endpoint)))
    .sort((a, b) => compareClaims(claimOf(parts, a), claimOf(parts, b)));
}

/** Who of a sandbox's endpoints is to carry the default route. */
export const bestRouter = (parts: Parts, endpoints: readonly EndpointRecord[]): EndpointRecord | undefined => ranked(parts, endpoints)[0];

const claimOf = (parts: Parts, endpoint: EndpointRecord): Claim => ({
  dual: endpoint.gateway !== '' && (endpoint.ipv6?.gateway ?? '') !== '',
  priority: endpoint.gatewayPriority ?? 0,
  network: networkOf(parts, endpoint).name,
});
