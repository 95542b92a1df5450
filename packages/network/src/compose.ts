import { join } from 'node:path';
import { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { PodNetworkServiceService } from '@gantry/api/gantry/network/v1/pods';
import { errorText, invalidArgument, newContext, StreamBroker, type StreamTicket } from '@gantry/rpc';
import type { Running, ServiceContext } from '@gantry/service';
import { parseCidr } from './address/cidr';
import { type AddressPool, withUniqueLocal } from './address/pools';
import { networkHandlers } from './api/handlers';
import { podHandlers } from './api/pod-handlers';
import { Attachments } from './cni/attachments';
import { Chain } from './cni/chain';
import { ConfigDirectory } from './cni/directory';
import { Pods } from './cni/pods';
import type { NetworkConfig } from './config';
import { bridgeAddresses, instanceNames, pluginEnvironment, poolsOf } from './config';
import { forgetUdpFlows } from './conntrack/forget';
import { HostResolvers } from './dns/host-resolvers';
import { EmbeddedResolvers } from './dns/sandbox-resolvers';
import { Upstream } from './dns/upstream';
import { BridgeDriver, type BridgeParts } from './drivers/bridge/bridge';
import { assembleOverlay } from './compose-overlay';
import { BridgeDevices } from './drivers/bridge/device';
import { bringLoopbackUp } from './drivers/bridge/sandbox';
import { Engines, markOf } from './drivers/bridge/engines';
import type { NetworkDriver } from './drivers/driver';
import { ParentDevices } from './drivers/parent/devices';
import { IPVLAN, MACVLAN } from './drivers/parent/kinds';
import { ParentDriver, type ParentParts } from './drivers/parent/parent';
import { HostDriver, NullDriver } from './drivers/plain';
import { identityOf } from './store/identity';
import { RemoteDriver } from './drivers/remote/remote';
import { restoreForwarding, turnOnForwarding } from './firewall/forwarding';
import { OwnTable } from './firewall/own-table';
import { FirewallGuard, type FirewallNews, readNews } from './firewall/monitor';
import { FirewallWatch } from './firewall/watch';
import { type Ipam, poolsOfNetwork } from './ipam/ipam';
import { LocalIpam } from './ipam/local';
import { NullIpam } from './ipam/null';
import { RemoteIpam } from './ipam/remote';
import { readSurroundings } from './ipam/surroundings';
import { LinuxKernel } from './kernel/linux-kernel';
import { NetlinkConnection } from './netlink/connection';
import { liveNamespace } from './operations/disconnect';
import { KeyedLock } from './operations/lock';
import { openPodPort, type PodPort } from './operations/open-pod-port';
import type { Parts } from './operations/parts';
import { ensurePredefined } from './operations/predefined';
import { settleBridge } from './operations/settle-bridge';
import { restore } from './operations/restore';
import { readStatus } from './operations/status';
import { Sweeper, sweepInterfaces } from './operations/sweep';
import { Named } from './drivers/named';
import { Plugins, withManaged } from '@gantry/service/plugins';
import { PortPublisher } from './ports/publisher';
import { NetworkStore } from './store/database';
import type { DriverName } from './store/record';

/** The bit of the packet mark by which a foreign chain may tell our packets; used with `firewall: insert` only. */
export const MARK_BIT = 0x02000000;

export type NetworkContext = ServiceContext<NetworkConfig>;

/** How long a start waits for the store of overlay networks. */
const ENOUGH_MS = 1_000;

/** Everything but the gRPC server: what `compose` serves, what purge takes down. */
export function assemble(context: Pick<NetworkContext, 'config' | 'data' | 'logger'>) {
  const { config, logger } = context;
  const names = { ...instanceNames(config) };
  const kernel = new LinuxKernel();
  const route = new NetlinkConnection(kernel.netlink('route'));
  const netfilter = new NetlinkConnection(kernel.netlink('netfilter'));
  const store = new NetworkStore(join(context.data, 'network.db'));
  const hostResolvers = new HostResolvers(config['resolv-conf']);
  const pools = withUniqueLocal(poolsOf(config), () => identityOf(store));
  const insert = config.firewall === 'insert';
  const table = new OwnTable(
    netfilter,
    { table: names.table, markBit: insert ? MARK_BIT : 0 },
    { 4: config.rules, 6: config.rules && config['rules-v6'] },
  );
  const publisher = new PortPublisher(kernel, {
    relayAll: { 4: !config.rules, 6: !config.rules || !config['rules-v6'] },
    relayIpv6: config.relay,
  });
  const devices = new BridgeDevices(route, kernel, markOf(names.table));
  const engines = new Engines({ route, netfilter, table: names.table, logger });
  const plugins = new Plugins(withManaged(config.plugins, config.run));
  const surroundings = (from: readonly AddressPool[]) =>
    readSurroundings({
      route,
      networks: () => store.networks(),
      pools: from,
      ownDevices: [names.device],
      resolvers: () => hostResolvers.servers(),
    });
  const ipams = {
    default: new LocalIpam(
      () => surroundings(pools),
      () =>
        engines.makeRoom(
          names.device,
          pools.map(({ base }) => base),
        ),
    ),
    null: new NullIpam(),
  } as const;
  const remoteIpams = new Named(
    (name) =>
      new RemoteIpam(name, {
        plugin: () => plugins.get(name, 'IpamDriver'),
        taken: () => store.networks().flatMap((network) => poolsOfNetwork(network).map(({ subnet }) => subnet)),
        warn: (error, message) => logger.warn({ err: error }, message),
      }),
  );
  const ipam = (name: string): Ipam =>
    name === '' || name === ipams.default.name ? ipams.default : name === ipams.null.name ? ipams.null : remoteIpams.get(name);
  const onParents: ParentParts = {
    kernel,
    route,
    devices: new ParentDevices(route, markOf(names.table)),
    ipam,
    networks: () => store.networks(),
    liveNamespace: (endpoint) => liveNamespace({ kernel }, endpoint),
  };
  const bridgeParts: BridgeParts = {
    kernel,
    route,
    devices,
    table,
    publisher,
    ipam,
    forgetFlows: (flows) => {
      forgetUdpFlows(netfilter, flows).catch((error: unknown) => logger.warn({ err: error }, 'old UDP flows could not be forgotten'));
    },
    forwardIpv6: () => {
      if (config['ip-forward']) turnOnForwarding({ kernel, store, logger }, 6);
    },
    deviceOf: (wish) => `br-${wish.id.slice(0, 12)}`,
    claim: async (device) => {
      if ((await devices.find(device)) !== undefined) throw invalidArgument(`interface ${device} exists already`);
    },
  };
  const overlay = assembleOverlay(context, {
    store,
    route,
    xfrm: () => kernel.netlink('xfrm'),
    table,
    devices,
    bridge: bridgeParts,
    surroundings,
    ownPools: pools,
    mark: markOf(names.table),
  });
  const drivers = {
    bridge: new BridgeDriver(bridgeParts),
    host: new HostDriver(),
    ipvlan: new ParentDriver(IPVLAN, onParents),
    macvlan: new ParentDriver(MACVLAN, onParents),
    null: new NullDriver(kernel),
    overlay: overlay.driver,
  } as const satisfies Record<DriverName, NetworkDriver>;
  const pluginDrivers = new Named(
    (name) =>
      new RemoteDriver(name, {
        plugin: () => plugins.get(name, 'NetworkDriver'),
        ipam,
        kernel,
        route,
        liveNamespace: (endpoint) => liveNamespace({ kernel }, endpoint),
        logger,
      }),
  );
  const resolvers = new EmbeddedResolvers(
    kernel,
    { names: overlay.names, upstream: new Upstream(), hostServers: () => hostResolvers.servers() },
    logger,
  );
  const isOurs = (name: string): boolean => name === names.table || name.startsWith('gantry');
  const firewall = new FirewallWatch(
    netfilter,
    {
      insert,
      markBit: MARK_BIT,
      isOurs,
      ipv6: () => store.networks().some(({ pool6 }) => pool6 !== undefined),
    },
    logger,
  );
  const guard = new FirewallGuard(async (change) => {
    try {
      if (change.table) await table.install();
      if (change.table) logger.warn({ table: names.table }, 'somebody took the nft table away or a part of it: it is back');
      await firewall.look();
    } catch (error) {
      logger.warn({ err: error }, 'what others did to the firewall could not be answered');
    }
  });
  const sweeper = new Sweeper(async (regular) => {
    try {
      const swept = await sweepInterfaces(parts, route);
      if (swept > 0) logger.info({ swept }, 'deleted interfaces without endpoint');
      if (await table.repair()) logger.warn({ table: names.table }, 'the nft table was gone and is back');
      if (regular) await firewall.look();
      if (regular) follower?.again();
    } catch (error) {
      logger.warn({ err: error }, 'sweep failed');
    }
  }, config['sweep-interval'] * 1000);
  const parts: Parts = {
    store,
    drivers,
    pluginDriver: (name) => pluginDrivers.get(name),
    kernel,
    resolvers,
    locks: new KeyedLock(),
    removing: new Set(),
    logger,
    sweepSoon: () => sweeper.soon(),
  };
  const follower = overlay.followedBy(parts);
  const close = (): void => {
    resolvers.closeAll();
    publisher.close();
    overlay.close();
    route.close();
    netfilter.close();
    store.close();
  };
  const news = { own: netfilter.portId, table: names.table, isOurs };
  const watch = (): FirewallNews => {
    const source: FirewallNews = kernel.firewallNews(() => guard.noticed(readNews(source, news)));
    return source;
  };
  return { names, parts, table, engines, firewall, guard, watch, sweeper, devices, route, netfilter, pools, overlay, follower, close };
}

/** Pods on the network of the CNI configuration. */
function assemblePods({ config, logger, data }: Pick<NetworkContext, 'config' | 'data' | 'logger'>, { kernel }: Pick<Parts, 'kernel'>) {
  const { cni } = config;
  const directory = new ConfigDirectory(cni['conf-directory'], logger);
  const attachments = new Attachments(join(data, 'cni'));
  const chain = new Chain({
    directories: cni['plugin-directories'],
    timeoutMs: cni.timeout * 1000,
    environment: pluginEnvironment(),
  });
  const loopbackUp = async (path: string): Promise<void> => {
    const namespace = kernel.namespace(path);
    try {
      await bringLoopbackUp(kernel, namespace);
    } finally {
      namespace.close();
    }
  };
  return { directory, attachments, pods: new Pods({ directory, attachments, chain, loopbackUp, logger }) };
}

/** The network service. Stopping it changes nothing in the kernel: containers keep their addresses and published ports. */
export function compose(context: NetworkContext): Running {
  const { config, logger } = context;
  const service = assemble(context);
  const { parts } = service;
  const { directory, attachments, pods } = assemblePods(context, parts);
  const server = context.createServer();
  let warnings: readonly string[] = [];
  let news: FirewallNews | undefined;
  server.addService(VersionService, { version: async () => ({ version: context.version, revision: '' }) });
  server.addService(
    NetworkServiceService,
    networkHandlers(parts, async () =>
      readStatus(parts, {
        warnings: [...warnings, ...(await service.firewall.freshWarnings())],
        pools: config['default-address-pools'].length > 0 ? poolsOf(config) : [],
        table: service.names.table,
      }),
    ),
  );
  const broker = new StreamBroker({ runRoot: config.run, id: 'network', logger });
  const openPort = (port: PodPort): Promise<StreamTicket> => openPodPort({ kernel: parts.kernel, broker }, port);
  server.addService(PodNetworkServiceService, podHandlers(pods, config, openPort));
  return {
    start: async () => {
      await attachments.load(logger);
      await directory.start();
      service.engines.join();
      if (config.bridge.disabled && config.bridge.shared !== '') await service.engines.discard(config.bridge.shared);
      const settled = config.bridge.disabled ? undefined : await settleBridge({ ...service, store: parts.store, logger }, config.bridge);
      const options: Record<string, string> = {
        'com.docker.network.bridge.default_bridge': 'true',
        'com.docker.network.bridge.name': service.names.device,
        'com.docker.network.bridge.enable_icc': String(config.bridge.icc),
        'com.docker.network.bridge.enable_ip_masquerade': String(config.bridge.masquerade),
        'com.docker.network.bridge.host_binding_ipv4': config['publish-address'] === '' ? '0.0.0.0' : config['publish-address'],
        'com.docker.network.driver.mtu': String(config.bridge.mtu === 0 ? 1500 : config.bridge.mtu),
      };
      await ensurePredefined(parts, {
        disabled: config.bridge.disabled,
        ...(settled ?? { device: service.names.device, foreign: false, ipv4: bridgeAddresses({ subnet: '', range: '', gateway: '' }) }),
        options,
        isContested: (network) =>
          service.devices.isContested(
            network.device ?? '',
            poolsOfNetwork(network).flatMap(({ subnet }) => parseCidr(subnet) ?? []),
          ),
      });
      if (config['ip-forward']) turnOnForwarding(parts, 4);
      warnings = await restore(parts, () => service.table.install());
      news = service.watch();
      await service.firewall.look();
      service.sweeper.start();
      service.overlay.cluster?.start();
      // who makes a network at once finds the store in reach, if it is
      await service.overlay.cluster?.settled(ENOUGH_MS);
      service.sweeper.soon();
      await broker.listen();
      await server.listen(context.socket());
    },
    stop: async () => {
      await server.stop();
      await broker.close();
      directory.close();
      news?.close();
      await service.guard.stop();
      await service.sweeper.stop();
      await service.overlay.cluster?.stop();
      await service.follower?.idle();
      service.engines.leave();
      service.close();
      logger.debug('network service stopped; the kernel keeps what it has');
    },
  };
}

/** Removes everything that the instance put into the kernel: bridges with their interfaces, table, foreign rules, forwarding. Its store stays. */
export async function purge(context: Pick<NetworkContext, 'config' | 'data' | 'logger'>): Promise<void> {
  const service = assemble(context);
  const { parts } = service;
  const failures: unknown[] = [];
  const attempt = async (task: () => Promise<void>): Promise<void> => {
    try {
      await task();
    } catch (error) {
      failures.push(error);
    }
  };
  try {
    const { attachments, pods } = assemblePods(context, parts);
    await attempt(async () => {
      await attachments.load(context.logger);
      await pods.collect(newContext(), []);
    });
    parts.store.deleteEndpoints(parts.store.endpoints().map((endpoint) => endpoint.id));
    await attempt(async () => void (await sweepInterfaces(parts, service.route)));
    await attempt(() => service.overlay.resign());
    for (const network of parts.store.networks())
      if (network.driver === 'overlay') await attempt(() => service.overlay.driver.forget(network));
    for (const network of parts.store.networks())
      if (network.device !== undefined && network.foreign !== true) await attempt(() => service.devices.remove(network.device ?? ''));
    await attempt(() => service.table.remove());
    await attempt(() => service.firewall.withdraw());
    await attempt(() => restoreForwarding(parts, service.netfilter, service.names.table));
  } finally {
    service.close();
  }
  if (failures.length > 0) throw new AggregateError(failures, `not all could be removed: ${failures.map(errorText).join('; ')}`);
}
