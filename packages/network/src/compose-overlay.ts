import { hostname } from 'node:os';
import type { AddressPool } from './address/pools';
import { Cluster } from './cluster/cluster';
import { openStore } from './cluster/connect';
import { Keys } from './cluster/records';
import { findWay } from './cluster/way';
import type { NetworkContext } from './compose';
import { poolsOf } from './config';
import type { NameSource } from './dns/names';
import { BridgeDriver, type BridgeParts } from './drivers/bridge/bridge';
import type { BridgeDevices } from './drivers/bridge/device';
import { Encryption } from './drivers/overlay/encryption/encryption';
import { EncryptionKernel } from './drivers/overlay/encryption/kernel';
import { VxlanDevices } from './drivers/overlay/devices';
import { OverlayIpam } from './drivers/overlay/ipam';
import { OverlayDriver, type Way } from './drivers/overlay/overlay';
import type { OwnTable } from './firewall/own-table';
import { LocalIpam } from './ipam/local';
import type { Surroundings } from './ipam/subnet';
import { NetlinkConnection, type NetlinkPort } from './netlink/connection';
import { ClusterFollower } from './operations/follow-cluster';
import type { Parts } from './operations/parts';
import type { NetworkStore } from './store/database';
import { identityOf } from './store/identity';

interface OverlayNeeds {
  readonly store: NetworkStore;
  readonly route: NetlinkConnection;
  readonly xfrm: () => NetlinkPort;
  readonly table: OwnTable;
  readonly devices: BridgeDevices;
  readonly bridge: BridgeParts;
  readonly surroundings: (pools: readonly AddressPool[]) => Promise<Surroundings>;
  /** Where networks of this engine get their subnets from: IPv6 comes from there. */
  readonly ownPools: readonly AddressPool[];
  readonly mark: string;
}

const LEASE = 'overlay-lease';
const DRIVER = 'overlay';

/** Networks of several engines. Without a store for them there is a driver all the same, which says so. */
export function assembleOverlay({ config: { overlay }, logger }: Pick<NetworkContext, 'config' | 'logger'>, needs: OverlayNeeds) {
  const { store, route, devices, table } = needs;
  const id = identityOf(store);
  let follower: ClusterFollower | undefined;
  let known: Way | undefined;
  const way = async (): Promise<Way> => (known ??= await findWay(route, overlay));
  const endpoints = () => store.networks().flatMap((network) => (network.driver === DRIVER ? store.endpointsOfNetwork(network.id) : []));
  const cluster =
    overlay.endpoints.length === 0
      ? undefined
      : new Cluster({
          id,
          open: (attempt) => openStore(overlay, attempt),
          keys: new Keys(overlay.prefix),
          lease: overlay.lease,
          self: async () => ({ id, name: overlay.name === '' ? hostname() : overlay.name, at: (await way()).address }),
          kept: {
            read: () => {
              const text = store.setting(LEASE);
              return text === undefined ? undefined : BigInt(text);
            },
            save: (lease) => store.saveSetting(LEASE, String(lease)),
          },
          endpoints,
          changed: (changed) => follower?.changed(changed),
          logger,
        });
  const ipam = cluster === undefined ? noAddresses() : new OverlayIpam(cluster);
  const pools = [...poolsOf(overlay), ...needs.ownPools.filter(({ base }) => base.address.family === 6)];
  const kernel = new EncryptionKernel(() => new NetlinkConnection(needs.xfrm()), overlay.port);
  const driver = new OverlayDriver({
    cluster,
    bridge: new BridgeDriver({ ...needs.bridge, ipam: () => ipam }),
    vxlans: new VxlanDevices(route, needs.mark),
    encryption: new Encryption({ cluster, kernel, table, way, port: overlay.port, limits: overlay.keys, now: () => performance.now() }),
    way,
    port: overlay.port,
    exists: async (device) => (await devices.find(device)) !== undefined,
    surroundings: () => needs.surroundings(pools),
    endpoints: (network) => store.endpointsOfNetwork(network),
    network: (network) => store.network(network),
  });
  const names: NameSource =
    cluster === undefined
      ? store
      : {
          network: (network) => store.network(network),
          endpointsOfSandbox: (sandbox) => store.endpointsOfSandbox(sandbox),
          endpointsOfNetwork: (network) => [
            ...store.endpointsOfNetwork(network),
            ...cluster.view.endpointsOf(network).filter(({ engine }) => engine !== id),
          ],
        };
  return {
    cluster,
    driver,
    names,
    close: () => kernel.close(),
    /** What others agree upon reaches this engine from then on. */
    followedBy: (parts: Parts): ClusterFollower | undefined =>
      cluster === undefined ? undefined : (follower = new ClusterFollower(parts, cluster, driver)),
    /** Others forget this engine at once, if the store can be told. */
    resign: async (): Promise<void> => {
      if (cluster === undefined || store.setting(LEASE) === undefined) return;
      cluster.start();
      try {
        await cluster.settled(ENOUGH_MS);
        await cluster.resign();
      } catch (error) {
        logger.warn({ err: error }, 'other engines forget this one when its lease ends');
      } finally {
        await cluster.stop();
      }
    },
  };
}

const ENOUGH_MS = 3_000;

/** Networks that were made while there was a store, of an engine that has none any more. */
const noAddresses = (): LocalIpam =>
  new LocalIpam(
    () => Promise.resolve({ networks: [], routes: [], pools: [] }),
    () => Promise.resolve(false),
  );
