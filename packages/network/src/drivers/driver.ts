import type { Order } from '../address/leases';
import type { Namespace } from '../kernel/kernel';
import type { PortChange } from '../ports/changes';
import type { PortWish, PublishedPort } from '../ports/port';
import type { EndpointRecord, NetworkRecord } from '../store/record';

/** A network as a caller wishes it. Everything was checked for its form, nothing for its sense. */
export interface NetworkWish {
  readonly id: string;
  readonly name: string;
  readonly internal: boolean;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  /** One of the networks that every engine has. */
  readonly predefined: boolean;
  /** Its device is the host's own. */
  readonly foreign?: boolean;
  readonly options: Readonly<Record<string, string>>;
  /** Empty: the default one. */
  readonly ipamDriver: string;
  readonly ipamOptions: Readonly<Record<string, string>>;
  readonly pools: readonly PoolWish[];
}

export interface PoolWish {
  readonly subnet: string;
  readonly gateway: string;
  readonly ipRange: string;
  readonly auxAddresses: Readonly<Record<string, string>>;
}

/** What a driver adds to a network's record. */
export type NetworkPlan = Pick<NetworkRecord, 'options'> &
  Partial<Pick<NetworkRecord, 'pool' | 'pool6' | 'morePools' | 'device' | 'foreign' | 'vni'>>;

/** An endpoint as a caller wishes it. */
export interface EndpointWish {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  /** Empty for drivers that use none. */
  readonly netnsPath: string;
  /** Empty: any. */
  readonly ipAddress: string;
  /** Empty: any, if the network has IPv6. */
  readonly ipv6Address: string;
  /** How an address is chosen. */
  readonly order: Order;
  /** Further addresses, of the link alone. */
  readonly linkLocalIps: readonly string[];
  /** False: the sandbox has IPv6 turned off, whatever the network has. */
  readonly takesIpv6: boolean;
  readonly macAddress: string;
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly ports: readonly PortWish[];
  /** Interface names that the sandbox has already. */
  readonly interfaces: ReadonlySet<string>;
}

/** What a driver adds to an endpoint's record. */
export type EndpointPlan = Pick<
  EndpointRecord,
  'interface' | 'hostInterface' | 'mac' | 'address' | 'prefix' | 'gateway' | 'ipv6' | 'linkLocal' | 'ports' | 'routes' | 'sysctls'
>;

/** What others must know of all networks of a kind. */
export interface DriverTraits {
  /**
   * The network namespace of a sandbox on them: its own, `connected` by an interface that the driver makes in it; its own and
   * `isolated`, with nothing but a loopback; or the `host`'s, which no other network can be joined to.
   */
  readonly namespace: 'connected' | 'isolated' | 'host';
  /** Users may make such networks. Of other kinds every engine has one, which was there before. */
  readonly manifold: boolean;
  /** Sandboxes on such networks that a user made ask the embedded resolver. */
  readonly resolver: boolean;
  /** Why published ports do nothing there, and of which network; absent where they are published. */
  readonly discards?: (network: string) => string;
  /** Several engines have such a network; absent: only the one that made it. */
  readonly scope?: 'global';
}

/** An engine on a network of several. */
export interface Peer {
  readonly name: string;
  readonly ip: string;
}

/**
 * A kind of network. One instance serves all networks of its kind.
 *
 * Life of a network: `plan` (decides, and changes nothing here: other engines may be told to keep clear) → record written → `ensure` … `ensure` again at every start → `remove` → record
 * deleted. Life of an endpoint: `reserve` → record written while `join` runs … after a restart `restore`, and `join` again where the namespace
 * still lives → `leave` → `release`. So `ensure`, `join`, `leave` and `remove` may meet a half-done or done state and must finish it.
 *
 * Errors are GantryErrors that name the option, address or device at fault.
 */
export interface NetworkDriver {
  readonly name: string;
  readonly traits: DriverTraits;
  plan(wish: NetworkWish): Promise<NetworkPlan>;
  ensure(network: NetworkRecord): Promise<void>;
  remove(network: NetworkRecord): Promise<void>;
  /** Chooses and occupies addresses and host ports. All or none. */
  reserve(network: NetworkRecord, wish: EndpointWish): Promise<EndpointPlan>;
  /** Gives back what `reserve` or `restore` occupied. Never throws. */
  release(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'id' | 'address' | 'ipv6'>): void;
  /** Occupies again what the record says. Answers with a warning for each thing that could not be had. */
  restore(network: NetworkRecord, endpoint: EndpointRecord): Promise<string[]>;
  /** Makes the endpoint work inside its namespace (undefined for drivers that use none, and when it is gone: then only the host's side). */
  join(network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace | undefined): Promise<void>;
  /** Takes the default routes of the sandbox over that the endpoint's record says. */
  route(network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace): Promise<void>;
  /** Publishes for an endpoint that carries the default route from now on: the wishes are satisfied anew, all or none. */
  publish(network: NetworkRecord, endpoint: EndpointRecord, wishes: readonly PortWish[]): Promise<readonly PublishedPort[]>;
  /** Changes what an endpoint publishes, all or none. What stays is not touched: nobody who comes by it notices. Answers all that is published then. */
  republish(network: NetworkRecord, endpoint: EndpointRecord, change: PortChange): Promise<readonly PublishedPort[]>;
  /** Gives the endpoint's published ports back; `restore` takes them again. */
  unpublish(endpoint: EndpointRecord): Promise<void>;
  /** Ends the endpoint. `interface` removes its interface now (slow); otherwise it dies with the namespace or is swept. */
  leave(network: NetworkRecord, endpoint: EndpointRecord, how: 'interface' | 'namespace dies'): Promise<void>;
  /** Tells other engines what is new of an endpoint that they know: its name. Absent: nobody else knows. Never rejects. */
  announce?(endpoint: EndpointRecord): Promise<void>;
  /** Engines with endpoints on a network of several. */
  peers?(network: NetworkRecord): readonly Peer[];
}
