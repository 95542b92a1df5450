import type { Logger } from '@gantry/rpc';
import type { NetworkDriver } from '../drivers/driver';
import type { Namespace, NetworkKernel } from '../kernel/kernel';
import type { NetworkStore } from '../store/database';
import type { DriverName, EndpointRecord, NetworkRecord } from '../store/record';
import type { KeyedLock } from './lock';

/** The embedded resolvers, as the operations use them. They read names from the store by themselves. */
export interface SandboxResolvers {
  /** Serves 127.0.0.11 inside the namespace; does nothing when it is served already. */
  open(sandboxId: string, namespace: Namespace): Promise<void>;
  close(sandboxId: string): void;
  /** Sandboxes that are served. */
  sandboxes(): string[];
}

/** What every operation works with. */
export interface Parts {
  readonly store: NetworkStore;
  readonly drivers: Readonly<Record<DriverName, NetworkDriver>>;
  /** The driver that a plugin of this name is, whether there is one or not. */
  readonly pluginDriver: (name: string) => NetworkDriver;
  readonly kernel: NetworkKernel;
  readonly resolvers: SandboxResolvers;
  /** Serialises the operations of a sandbox; networks share the key `networks`. */
  readonly locks: KeyedLock;
  /** Networks that are being removed: nothing may be connected to them any more. */
  readonly removing: Set<string>;
  readonly logger: Logger;
  /** Called when something was released whose interface may still be there. */
  readonly sweepSoon: () => void;
}

export type Drivers = Pick<Parts, 'drivers' | 'pluginDriver'>;

export const driverOf = (parts: Drivers, { driver }: Pick<NetworkRecord, 'driver'>): NetworkDriver =>
  Object.values(parts.drivers).find(({ name }) => name === driver) ?? parts.pluginDriver(driver);

/** Containers of user-defined networks ask the embedded resolver. */
export function hasEmbeddedDns(parts: Drivers, network: NetworkRecord): boolean {
  return driverOf(parts, network).traits.resolver && !network.predefined;
}

/** The network of an endpoint's record, which the store's foreign key keeps alive. */
export function networkOf(parts: Parts, endpoint: EndpointRecord): NetworkRecord {
  const network = parts.store.network(endpoint.networkId);
  if (network === undefined) throw new Error(`endpoint ${endpoint.id} names network ${endpoint.networkId}, which is not there`);
  return network;
}
