import { internal } from '@gantry/rpc';
import { formatAddress, parseAddress, parseCidr } from '../../address/cidr';
import { type Lease, poolsOfNetwork } from '../../ipam/ipam';
import { type PortWish, type Protocol, PROTOCOLS, type PublishedPort } from '../../ports/port';
import type { NetworkRecord, PoolRecord, RouteRecord } from '../../store/record';
import type { EndpointPlan, EndpointWish } from '../driver';

/** What plugins are told and what they answer, in libnetwork's JSON. */

export type Answer = Readonly<Record<string, unknown>>;

export interface Ids {
  readonly NetworkID: string;
  readonly EndpointID: string;
}

const LABEL = 'com.docker.network.';
const PORTMAP = `${LABEL}portmap`;
/** A static route without a next hop: on the link. */
const CONNECTED = 1;

export function createNetwork(network: NetworkRecord): object {
  return {
    NetworkID: network.id,
    Options: {
      [`${LABEL}enable_ipv4`]: true,
      [`${LABEL}enable_ipv6`]: false,
      [`${LABEL}generic`]: network.options,
      ...(network.internal ? { [`${LABEL}internal`]: true } : {}),
    },
    IPv4Data: poolsOfNetwork(network).map(poolData),
    IPv6Data: [],
  };
}

function poolData({ subnet, gateway, auxAddresses }: PoolRecord): object {
  const prefix = subnet.split('/')[1] ?? '';
  return {
    AddressSpace: 'LocalDefault',
    Pool: subnet,
    ...(gateway === '' ? {} : { Gateway: `${gateway}/${prefix}` }),
    AuxAddresses: Object.fromEntries(Object.entries(auxAddresses).map(([name, address]) => [name, `${address}/${prefix}`])),
  };
}

export function createEndpoint(ids: Ids, wish: EndpointWish, { address, prefix }: Lease): object {
  return {
    ...ids,
    Interface: { Address: address === '' ? '' : `${address}/${prefix}`, AddressIPv6: '', MacAddress: wish.macAddress },
    Options: { ...wish.driverOptions, ...portOptions(wish.ports) },
  };
}

export function portOptions(wishes: readonly PortWish[]): object {
  return {
    [`${LABEL}endpoint.exposedports`]: wishes.map(({ protocol, containerPort }) => ({ Proto: PROTOCOLS[protocol], Port: containerPort })),
    [PORTMAP]: wishes.map(({ protocol, containerPort, hostIp, hostPort, hostPortEnd }) => ({
      Proto: PROTOCOLS[protocol],
      IP: '',
      Port: containerPort,
      HostIP: hostIp,
      HostPort: hostPort,
      HostPortEnd: hostPortEnd,
    })),
  };
}

/** What an endpoint's operational data say of its ports. */
export function portsOf(value: unknown): PublishedPort[] {
  const bindings = objectOf(value)[PORTMAP];
  if (!Array.isArray(bindings)) return [];
  return bindings.map(objectOf).flatMap(({ Proto, Port, HostIP, HostPort }): PublishedPort[] => {
    const protocol = (Object.keys(PROTOCOLS) as Protocol[]).find((word) => PROTOCOLS[word] === Proto);
    if (protocol === undefined || typeof Port !== 'number' || typeof HostPort !== 'number') return [];
    return [{ protocol, containerPort: Port, hostIp: textOf(HostIP) || '0.0.0.0', hostPort: HostPort }];
  });
}

/** The endpoint as the plugin answered CreateEndpoint and Join. What cannot be read is the plugin's fault. */
export function endpointPlan(about: {
  readonly wish: EndpointWish;
  readonly lease: Lease;
  readonly made: Answer;
  readonly joined: Answer;
}): Omit<EndpointPlan, 'ports'> {
  const { wish, lease, made, joined } = about;
  const own = objectOf(made['Interface']);
  const [address, mac] = [textOf(own['Address']), textOf(own['MacAddress'])];
  const block = address === '' ? undefined : parseCidr(address);
  if (address !== '' && block?.address.family !== 4)
    throw internal(`endpoint ${wish.name}: the plugin gave the address ${JSON.stringify(address)}`);
  const names = objectOf(joined['InterfaceName']);
  const source = textOf(names['SrcName']);
  const gateway = textOf(joined['Gateway']);
  if (gateway !== '' && parseAddress(gateway)?.family !== 4) throw internal(`unable to parse Gateway ${JSON.stringify(gateway)}`);
  return {
    interface: source === '' ? '' : freeName(textOf(names['DstPrefix']) || 'eth', wish.interfaces),
    hostInterface: source,
    mac: (mac || wish.macAddress).toLowerCase(),
    address: block === undefined ? lease.address : formatAddress(block.address),
    prefix: block?.prefix ?? lease.prefix,
    gateway,
    routes: routesOf(joined['StaticRoutes']),
  };
}

function routesOf(value: unknown): RouteRecord[] {
  if (!Array.isArray(value)) return [];
  return value.map(objectOf).map(({ Destination, NextHop, RouteType }) => {
    const [destination, nextHop] = [textOf(Destination), RouteType === CONNECTED ? '' : textOf(NextHop)];
    if (parseCidr(destination) === undefined) throw internal(`the plugin gave a route to ${JSON.stringify(Destination)}`);
    if (nextHop !== '' && parseAddress(nextHop) === undefined) throw internal(`failed to parse nexthop IP ${nextHop}`);
    return { destination, nextHop };
  });
}

function freeName(prefix: string, taken: ReadonlySet<string>): string {
  for (let number = 0; ; number++) if (!taken.has(`${prefix}${number}`)) return `${prefix}${number}`;
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
