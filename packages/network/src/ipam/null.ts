import { invalidArgument, notImplemented } from '@gantry/rpc';
import type { NetworkWish } from '../drivers/driver';
import type { PoolRecord } from '../store/record';
import type { Ipam, Lease } from './ipam';

/** Gives nothing: for drivers of others that see to addresses themselves. */
export class NullIpam implements Ipam {
  readonly name = 'null';

  plan({ name, pools, enableIpv6 }: NetworkWish): Promise<readonly PoolRecord[]> {
    if (enableIpv6) return Promise.reject(notImplemented(`network ${name}: IPv6 with IPAM driver ${this.name} is not supported`));
    if (pools.length > 0) return Promise.reject(invalidArgument('null ipam driver does not handle specific address pool requests'));
    return Promise.resolve([{ subnet: '0.0.0.0/0', gateway: '', ipRange: '', auxAddresses: {}, configured: false }]);
  }

  forget(): Promise<void> {
    return Promise.resolve();
  }

  take(): Promise<Lease> {
    return Promise.resolve({ address: '', prefix: 0 });
  }

  restore(): Promise<void> {
    return Promise.resolve();
  }

  release(): void {
    // nothing was given
  }
}
