import { forbidden } from '@gantry/rpc';
import type { NetworkRecord } from '../store/record';
import { checkConfigUnused } from './config-networks';
import { findNetwork } from './find-network';
import type { Parts } from './parts';
import { driverOf } from './parts';

/** Removes a user-defined network without endpoints. The record goes last: a crash before it leaves the network whole. */
export function removeNetwork(parts: Parts, ref: string): Promise<NetworkRecord> {
  return parts.locks.run('networks', async () => {
    const network = findNetwork(parts, ref);
    if (network.predefined) throw forbidden(`${network.name} is a pre-defined network and cannot be removed`);
    if (parts.store.endpointsOfNetwork(network.id).length > 0)
      throw forbidden(`error while removing network: network ${network.name} id ${network.id} has active endpoints`);
    checkConfigUnused(parts, network);
    parts.removing.add(network.id);
    try {
      await driverOf(parts, network).remove(network);
      parts.store.deleteNetwork(network.id);
    } finally {
      parts.removing.delete(network.id);
    }
    return network;
  });
}
