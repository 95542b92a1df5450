import { invalidArgument } from '@gantry/rpc';
import type { Namespace, NetworkKernel } from '../kernel/kernel';
import type { EndpointRecord, NetworkRecord } from '../store/record';
import { bringLoopbackUp } from './bridge/sandbox';
import type { EndpointPlan, EndpointWish, NetworkDriver, NetworkPlan, NetworkWish } from './driver';

/** The drivers that change nothing: `host` shares the host's namespace, `null` leaves the sandbox with its loopback. */
export class PlainDriver implements NetworkDriver {
  readonly usesNamespace = false;

  constructor(
    readonly name: 'host' | 'null',
    private readonly kernel: NetworkKernel,
  ) {}

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
    if (wish.ipAddress !== '' || wish.macAddress !== '')
      throw invalidArgument(`network ${network.name} gives no address to endpoint ${wish.name}`);
    return Promise.resolve({ interface: '', hostInterface: '', mac: '', address: '', prefix: 0, gateway: '', ports: [] });
  }

  release(): void {
    // nothing was reserved
  }

  restore(): Promise<string[]> {
    return Promise.resolve([]);
  }

  /** A namespace of its own gets its loopback. */
  async join(_network: NetworkRecord, _endpoint: EndpointRecord, namespace: Namespace | undefined): Promise<void> {
    if (namespace !== undefined && this.name === 'null') await bringLoopbackUp(this.kernel, namespace);
  }

  route(): Promise<void> {
    return Promise.resolve();
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }
}
