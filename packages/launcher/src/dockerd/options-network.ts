import { isIP } from 'node:net';
import { invalidArgument } from '@gantry/rpc';
import { also, as, both, type DockerdOption, noted, refused } from './option';
import type { Plan } from './plan';
import type { Value } from './values';

/** The default bridge, ports, names and the firewall. */
export const networkOptions: readonly DockerdOption[] = [
  both('bip', {
    type: 'string',
    help: "the default bridge's address and subnet, CIDR",
    take: (plan, value) => void (plan.bridge.address = String(value)),
  }),
  both('fixed-cidr', {
    type: 'string',
    help: 'part of that subnet for containers, CIDR',
    take: (plan, value) => void (plan.bridge.range = String(value)),
  }),
  both('mtu', { type: 'int', help: 'MTU of the default bridge', take: as('network', 'bridge.mtu') }),
  both('icc', {
    type: 'bool',
    help: 'containers on the default bridge reach each other (default true)',
    take: as('network', 'bridge.icc'),
  }),
  both('ip', {
    type: 'string',
    help: 'host address of published ports that name none',
    take: (plan, value) => plan.set('network', 'publish-address', value === '0.0.0.0' ? '' : value),
  }),
  both('ip-forward', { type: 'bool', help: 'turn on net.ipv4.ip_forward (default true)', take: as('network', 'ip-forward') }),
  both('ip-forward-no-drop', {
    type: 'bool',
    help: 'taken; the policy of the forward chain is never changed',
    take: noted((_value, name) => `${name}: the policy of the host's forward chain is never changed here`),
  }),
  both('ip-masq', {
    type: 'bool',
    help: "hide containers behind the host's address (default true)",
    take: as('network', 'bridge.masquerade'),
  }),
  both('iptables', {
    type: 'bool',
    help: 'rules for ports and masquerading, in an nftables table of our own (default true)',
    take: as('network', 'rules'),
  }),
  both('ip6tables', {
    type: 'bool',
    help: 'rules for IPv6, in an nftables table of our own (default true)',
    take: as('network', 'rules-v6'),
  }),
  both('firewall-backend', {
    type: 'string',
    help: 'nftables',
    take: refused('rules are in an nftables table: "nftables" or none', ['nftables']),
  }),
  both('userland-proxy', {
    type: 'bool',
    help: "relay published ports of the host's IPv6 addresses (default true)",
    take: as('network', 'relay'),
  }),
  both('userland-proxy-path', { type: 'string', help: 'not supported', take: refused('gantry-network relays itself: leave it out') }),
  {
    flag: 'default-address-pool',
    key: 'default-address-pools',
    type: 'pools',
    help: 'base=CIDR,size=N of new networks',
    take: as('network', 'default-address-pools'),
  },
  {
    flag: 'default-network-opt',
    key: 'default-network-opts',
    type: 'mapmap',
    help: 'DRIVER=OPTION=VALUE of new networks',
    take: as('supervisor', 'default-network-opts'),
  },
  both('dns', { type: 'list', help: 'name server of containers', take: takeDns }),
  {
    flag: 'dns-opt',
    key: 'dns-opts',
    type: 'list',
    help: 'options of resolv.conf',
    take: also('build', 'dns-opts', as('supervisor', 'dns-opts')),
  },
  both('dns-search', {
    type: 'list',
    help: 'search domains of containers',
    take: also('build', 'dns-search', as('supervisor', 'dns-search')),
  }),
  { flag: 'host-gateway-ip', key: 'host-gateway-ip', type: 'list', help: 'addresses that host-gateway stands for', take: takeHostGateway },
  both('bridge', {
    short: 'b',
    type: 'string',
    help: "bridge of the host's for the default network; none: no default network",
    take: takeBridge,
  }),
  both('default-gateway', {
    type: 'string',
    help: 'who routes for containers of the default bridge, an address of its subnet (default: the bridge)',
    take: (plan, value, name) => void (plan.bridge.gateway = addressOf(value, name, 4)),
  }),
  both('allow-direct-routing', {
    type: 'bool',
    help: 'true: packets that are routed to containers are never dropped here',
    take: refused('packets that are routed to containers are never dropped here; use a firewall of the host', [true]),
  }),
  both('bridge-accept-fwmark', {
    type: 'string',
    help: 'not supported',
    take: refused('packets are not dropped by their way, so no mark lets them in'),
  }),
  both('ipv6', { type: 'bool', help: 'IPv6 on the default bridge, too', take: as('network', 'bridge.ipv6') }),
  both('bip6', {
    type: 'string',
    help: "the default bridge's address and subnet of IPv6, CIDR",
    take: (plan, value) => void (plan.bridge6.address = String(value)),
  }),
  both('fixed-cidr-v6', {
    type: 'string',
    help: 'part of that subnet for containers, or all of it, CIDR',
    take: (plan, value) => void (plan.bridge6.range = String(value)),
  }),
  both('default-gateway-v6', {
    type: 'string',
    help: 'the same of IPv6',
    take: (plan, value, name) => void (plan.bridge6.gateway = addressOf(value, name, 6)),
  }),
];

function addressOf(value: Value, name: string, family: 4 | 6): string {
  const text = String(value);
  if (text !== '' && isIP(text) !== family) throw invalidArgument(`${name} "${text}" is no IPv${family} address`);
  return text;
}

function takeDns(plan: Plan, value: Value): void {
  for (const address of value as readonly string[])
    if (isIP(address) === 0) throw invalidArgument(`invalid string being converted to IP address: ${address}`);
  plan.set('supervisor', 'dns', value);
  plan.set('build', 'dns', value);
}

/** One address of each family, as dockerd has it. */
function takeHostGateway(plan: Plan, value: Value, name: string): void {
  const addresses = (value as readonly string[]).filter((each) => each !== '');
  for (const address of addresses) if (isIP(address) === 0) throw invalidArgument(`${name} "${address}" is no IP address`);
  for (const family of [4, 6])
    if (addresses.filter((address) => isIP(address) === family).length > 1)
      throw invalidArgument(`only one IPv${family} host gateway IP address can be specified`);
  plan.set('supervisor', 'host-gateway-ip', addresses);
  plan.set('build', 'host-gateway-ip', addresses);
}

/** Docker's word for no default bridge, or a device of the host's, whose addresses say the subnet. */
function takeBridge(plan: Plan, value: Value): void {
  if (value === 'none') {
    plan.set('network', 'bridge.disabled', true);
    plan.set('supervisor', 'default-bridge', false);
    plan.set('build', 'default-bridge', false);
    return;
  }
  plan.bridgeDevice = String(value);
}
