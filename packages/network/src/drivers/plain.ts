import { invalidArgument } from '@gantry/rpc';
import type { Namespace, NetworkKernel } from '../kernel/kernel';
import type { PublishedPort } from '../ports/port';
import type { EndpointRecord, NetworkRecord } from '../store/record';
import { bringLoopbackUp } from './bridge/sandbox';
import type { DriverTraits, EndpointPlan, EndpointWish, NetworkDriver, NetworkPlan, NetworkWish } from './driver';

/** What the drivers that give no address have in common: there is nothing to make, to occupy or to undo. */
abstract class PlainDriver implements NetworkDriver {
  abstract readonly name: 'host' | 'null';
  abstract readonly traits: DriverTraits;

  plan(wish: NetworkWish): Promise<NetworkPlan> {
    if (wish.pools.length > 0) throw invalidArgument(`network ${wish.name}: driver ${this.name} takes no subnet`);
    const option = Object.keys(wish.options)[0];
    if (option !== undefined) throw invalidArgument(`network ${wish.name}: driver ${this.name} has no option "${option}"`);
    return Promise.resolve({ options: {} });
  }

  ensure(): Promise<void> {
    return Promise.resolve();
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }

  /** Ports are not published: the process listens on the host's addresses itself, or on none. dockerd ignores such wishes too. */
  reserve(network: NetworkRecord, wish: EndpointWish): Promise<EndpointPlan> {
    if (wish.ipAddress !== '' || wish.linkLocalIps.length > 0 || wish.macAddress !== '')
      throw invalidArgument(`network ${network.name} gives no address to endpoint ${wish.name}`);
    return Promise.resolve({ interface: '', hostInterface: '', mac: '', address: '', prefix: 0, gateway: '', ports: [] });
  }

  release(): void {
    // nothing was reserved
  }

  restore(): Promise<string[]> {
    return Promise.resolve([]);
  }

  abstract join(network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace | undefined): Promise<void>;

  route(): Promise<void> {
    return Promise.resolve();
  }

  publish(): Promise<readonly PublishedPort[]> {
    return Promise.resolve([]);
  }

  republish(): Promise<readonly PublishedPort[]> {
    return Promise.resolve([]);
  }

  unpublish(): Promise<void> {
    return Promise.resolve();
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }
}

/** Sandboxes share the host's network. */
export class HostDriver extends PlainDriver {
  override readonly name = 'host';
  override readonly traits = {
    namespace: 'host',
    manifold: false,
    resolver: false,
    discards: () => 'Published ports are discarded when using host network mode',
  } as const;

  override async join(): Promise<void> {
    // the host's namespace is as it is
  }
}

/** Sandboxes have a namespace of their own, and in it their loopback. */
export class NullDriver extends PlainDriver {
  override readonly name = 'null';
  override readonly traits = { namespace: 'isolated', manifold: false, resolver: false } as const;

  constructor(private readonly kernel: NetworkKernel) {
    super();
  }

  override async join(_network: NetworkRecord, _endpoint: EndpointRecord, namespace: Namespace | undefined): Promise<void> {
    if (namespace !== undefined) await bringLoopbackUp(this.kernel, namespace);
  }
}
