import type { Family } from '../address/cidr';
import type { Order } from '../address/leases';
import type { NetworkWish } from '../drivers/driver';
import type { EndpointRecord, NetworkRecord, PoolRecord } from '../store/record';

/** What a network's driver needs of its subnets. */
export interface PoolNeeds {
  /** An address of each subnet of the family is set apart for whoever routes; without need there is one only where it was asked for. */
  readonly gateway: Readonly<Record<Family, boolean>>;
}

/** What an endpoint is to get. */
export interface AddressWish {
  readonly family: Family;
  /** Empty: any. */
  readonly address: string;
  /** Empty: none yet. */
  readonly mac: string;
  /** How one is chosen where any will do; IPAM drivers of plugins have a way of their own. */
  readonly order: Order;
  /** May have at once what it gave back. */
  readonly sandboxId: string;
}

/** Whose address is given back; of one that came to no endpoint there is no sandbox. */
export type Released = Pick<EndpointRecord, 'address'> & Partial<Pick<EndpointRecord, 'sandboxId'>>;

/** An address with the prefix of its subnet. */
export interface Lease {
  /** Empty where the driver gives none. */
  readonly address: string;
  readonly prefix: number;
}

/**
 * Where subnets and addresses of networks come from. One instance serves all networks that name it.
 *
 * Life of a subnet: `plan` → network's record written → `forget`. Life of an address: `take` → endpoint's record written … after a restart
 * `restore` → `release`. What `plan` and `take` occupied is given back by `forget` and `release` also where no record came to be.
 *
 * Errors are GantryErrors that name the subnet or address at fault.
 */
export interface Ipam {
  readonly name: string;
  /** Chooses and occupies what the wish asks for: at least one subnet of each family that the network is to have. */
  plan(wish: NetworkWish, needs: PoolNeeds): Promise<readonly PoolRecord[]>;
  /** Gives the subnets back. Never throws. */
  forget(network: PoolHolder): Promise<void>;
  take(network: NetworkRecord, wish: AddressWish): Promise<Lease>;
  /** Occupies again what the record says. */
  restore(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'address'>): Promise<void>;
  /** Never throws. */
  release(network: NetworkRecord, endpoint: Released): void;
}

/** A network, or one that did not come to be. */
export type PoolHolder = Pick<NetworkRecord, 'id' | 'name' | 'pool' | 'pool6' | 'morePools'>;

/** Name of our own, which is meant where none is said. */
export const DEFAULT_IPAM = 'default';

/** All subnets of a network. */
export const poolsOfNetwork = ({
  pool,
  pool6,
  morePools = [],
}: Pick<NetworkRecord, 'pool' | 'pool6' | 'morePools'>): readonly PoolRecord[] =>
  [pool, ...morePools, pool6].filter((each) => each !== undefined);

export const familyOf = ({ subnet }: Pick<PoolRecord, 'subnet'>): Family => (subnet.includes(':') ? 6 : 4);
