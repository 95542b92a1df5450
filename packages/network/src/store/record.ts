import type { PortWish, PublishedPort } from '../ports/port';

/** The subnet of a network. Addresses as text, so that a record reads well. */
export interface PoolRecord {
  readonly subnet: string;
  readonly gateway: string;
  readonly ipRange: string;
  readonly auxAddresses: Readonly<Record<string, string>>;
  /** Somebody asked for this subnet: only then may endpoints ask for addresses, as dockerd has it. */
  readonly configured: boolean;
  /** Nobody asked for this gateway of a subnet that was asked for: docker does not show it. Absent in records of before. */
  readonly gatewayChosen?: boolean;
  /** What an IPAM driver of others knows it by. */
  readonly id?: string;
}

/** Drivers of our own; any other name is a plugin's. */
export type DriverName = 'bridge' | 'host' | 'ipvlan' | 'macvlan' | 'null' | 'overlay';

export interface NetworkRecord {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** A DriverName, or the name of a plugin. */
  readonly driver: string;
  /** Absent: it has. */
  readonly enableIpv4?: boolean;
  /** Absent: it has not. */
  readonly enableIpv6?: boolean;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly ipamOptions: Readonly<Record<string, string>>;
  /** They were given, if none; absent in records of before. */
  readonly ipamOptionsGiven?: boolean;
  /** Of an IPAM driver that is not the default one. */
  readonly ipamDriver?: string;
  /** Absent for drivers without addresses, and without IPv4. */
  readonly pool?: PoolRecord;
  /** The subnet of IPv6, where the network has it. */
  readonly pool6?: PoolRecord;
  /** Subnets that were asked for of a family that the network has not: docker shows them. */
  readonly idlePools?: readonly PoolRecord[];
  /** Further subnets, of drivers that take several. */
  readonly morePools?: readonly PoolRecord[];
  /** Name of the device in the host that was made for the network: its bridge, or the parent of its sandboxes' interfaces. */
  readonly device?: string;
  /** The device was there before the network, and stays: what is not about the network is left as it is. Absent: it was made for it. */
  readonly foreign?: boolean;
  /** VXLAN id, of a network that several engines have. */
  readonly vni?: number;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  readonly predefined: boolean;
  /** It is settings for other networks and nothing else: its subnets are all idle. Absent: a network. */
  readonly configOnly?: boolean;
  /** Name of the network whose settings it was made with. */
  readonly configFrom?: string;
}

/** What an endpoint has of IPv6. */
export interface Ipv6Record {
  readonly address: string;
  readonly prefix: number;
  /** Empty where nobody routes. */
  readonly gateway: string;
}

/** A route that a plugin wants in a sandbox. */
export interface RouteRecord {
  /** CIDR. */
  readonly destination: string;
  /** Empty: the destination is on the link. */
  readonly nextHop: string;
}

/** A network namespace as it was when the endpoint was made: the path may stand for another one later, the identity may not. */
export interface NamespaceRecord {
  readonly path: string;
  /** `device:inode` of the namespace file. */
  readonly identity: string;
}

/**
 * One endpoint. The record says all that is to be in the kernel, so a crash in the middle is finished by doing the steps again; what
 * the kernel has without a record is swept.
 */
export interface EndpointRecord {
  readonly id: string;
  readonly networkId: string;
  readonly sandboxId: string;
  /** Who tells which sandboxes live; absent: the engine. */
  readonly owner?: string;
  /** Container name. */
  readonly name: string;
  readonly hostname: string;
  readonly aliases: readonly string[];
  /** Old container links: alias → sandbox id, or the name of a container that may come later. */
  readonly links: Readonly<Record<string, string>>;
  readonly dnsServers: readonly string[];
  readonly namespace?: NamespaceRecord;
  /** Interface inside the namespace; empty for drivers without one. */
  readonly interface: string;
  /** Interface on the host. */
  readonly hostInterface: string;
  readonly mac: string;
  readonly address: string;
  readonly prefix: number;
  readonly gateway: string;
  /** Absent without IPv6. */
  readonly ipv6?: Ipv6Record;
  /** Further addresses that were asked for, CIDR. Absent: none. */
  readonly linkLocal?: readonly string[];
  /** Settings of the interface that were asked for: net.ipv4.conf.IFNAME.forwarding=1. Absent: none. */
  readonly sysctls?: readonly string[];
  /** Further routes of the sandbox, of plugins. */
  readonly routes?: readonly RouteRecord[];
  /** Carries the sandbox's default route and its published ports. */
  readonly defaultRoute: boolean;
  /** Families whose default route it has besides, where the endpoint that carries the sandbox's has none of it. Absent: none. */
  readonly otherRoutes?: readonly (4 | 6)[];
  /** Claim to the default route, see ranking.ts; absent (0) in records of before. */
  readonly gatewayPriority?: number;
  readonly ports: readonly PublishedPort[];
  /** What the ports were asked for: who carries the default route next satisfies it anew. Absent in records of before, and where nothing was asked for. */
  readonly portWishes?: readonly PortWish[];
  /** Endpoints of a sandbox in the order of their making. */
  readonly order: number;
}
