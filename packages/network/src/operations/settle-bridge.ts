import { forbidden, invalidArgument, type Logger } from '@gantry/rpc';
import { type Family, parseCidr } from '../address/cidr';
import { bridgeAddresses, ipv6Block, type NetworkConfig } from '../config';
import type { BridgeDevices } from '../drivers/bridge/device';
import type { Engines } from '../drivers/bridge/engines';
import { inheritBlock } from '../drivers/bridge/inherit';
import type { NetworkStore } from '../store/database';
import { type BridgeSubnet, DEFAULT_NETWORK } from './predefined';

export interface SettleParts {
  /** Of the default bridge; changed where it gets another. */
  readonly names: { device: string };
  readonly engines: Pick<Engines, 'take' | 'clear'>;
  readonly devices: Pick<BridgeDevices, 'addresses' | 'find'>;
  readonly store: Pick<NetworkStore, 'networks'>;
  readonly logger: Logger;
}

export interface SettledBridge {
  readonly device: string;
  readonly foreign: boolean;
  readonly ipv4: BridgeSubnet;
  readonly ipv6?: BridgeSubnet;
}

/** Which device the default bridge is, that no ended engine's is in its way, and what subnets it has. */
export async function settleBridge(parts: SettleParts, bridge: NetworkConfig['bridge']): Promise<SettledBridge> {
  const { names, engines, logger } = parts;
  if (bridge.foreign && (await parts.devices.find(bridge.name))?.kind !== 'bridge')
    throw forbidden(`bridge device with non default name ${bridge.name} must be created manually`);
  if (bridge.name === '' && bridge.shared !== '') {
    if (await engines.take(bridge.shared)) names.device = bridge.shared;
    else logger.info({ device: names.device }, `${bridge.shared} is somebody else's: the default bridge has a device of its own`);
  }
  for (const text of [bridge.subnet, bridge.ipv6 ? bridge['subnet-v6'] : '']) {
    const subnet = parseCidr(text);
    if (subnet !== undefined) await engines.clear(names.device, subnet);
  }
  return {
    device: names.device,
    foreign: bridge.foreign,
    ipv4: await settleBlock(parts, bridge, 4),
    ...(bridge.ipv6 ? { ipv6: await settleBlock(parts, bridge, 6) } : {}),
  };
}

async function settleBlock(parts: SettleParts, bridge: NetworkConfig['bridge'], family: Family): Promise<BridgeSubnet> {
  const { names, devices, store, logger } = parts;
  const block = family === 4 ? bridge : ipv6Block(bridge);
  const inherits = bridge.foreign || bridge.shared !== '';
  const former = store.networks().find(({ name, predefined }) => predefined && name === DEFAULT_NETWORK);
  const settled = inheritBlock(block, {
    family,
    present: inherits ? await devices.addresses(names.device) : [],
    foreign: bridge.foreign,
    former: (family === 4 ? former?.pool : former?.pool6)?.gateway ?? '',
    warn: (text) => logger.warn({ device: names.device }, text),
  });
  if (settled.subnet === '' && block.gateway !== '')
    throw invalidArgument(`default bridge: gateway ${block.gateway} is no address of a subnet that is said`);
  return bridgeAddresses({ ...settled, gateway: block.gateway });
}
