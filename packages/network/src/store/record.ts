import type { PublishedPort } from '../ports/port';

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
}

export type DriverName = 'bridge' | 'host' | 'null';

export interface NetworkRecord {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: DriverName;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly ipamOptions: Readonly<Record<string, string>>;
  /** They were given, if none; absent in records of before. */
  readonly ipamOptionsGiven?: boolean;
  /** Absent for drivers without addresses. */
  readonly pool?: PoolRecord;
  /** Name of the bridge in the host, for the bridge driver. */
  readonly device?: string;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  readonly predefined: boolean;
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
  /** Carries the sandbox's default route and its published ports. */
  readonly defaultRoute: boolean;
  /** Claim to the default route, see ranking.ts; absent (0) in records of before. */
  readonly gatewayPriority?: number;
  readonly ports: readonly PublishedPort[];
  /** Endpoints of a sandbox in the order of their making. */
  readonly order: number;
}
