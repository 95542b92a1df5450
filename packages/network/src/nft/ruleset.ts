/**
 * Gantry's own tables, one for each family. Their rules never change while it runs: what differs between networks and ports are set elements, so
 * publishing a port, or a range of them, also one that a container has by other numbers, is one map element and the cost for a packet does not grow with their number.
 */
import type { Address, Cidr, Family } from '../address/cidr';
import { first, last, plus, toBytes } from '../address/cidr';
import type { Request } from '../netlink/message';
import { type Protocol, PROTOCOLS } from '../ports/port';
import * as expression from './expression';
import { addPorts as add, SUMS, sums } from './add-ports';
import { ENCRYPTED_CHAINS, ENCRYPTED_SETS, encryptedElements, type EncryptedRules } from './encrypted';
import { type PortRange, offsetOf } from './port-ranges';
import type { Element, SetShape } from './transaction';
import { FAMILY, FIELD, addChain, addElements, addRule, addSet, addTable, deleteElements, deleteTable } from './transaction';

/** A bridge of ours, as the rules see it. */
export interface BridgeRules {
  readonly device: string;
  /** Its containers may talk to each other. */
  readonly interContainer: boolean;
  /** Nothing is forwarded to it or from it. */
  readonly internal: boolean;
  /** Devices of the host from which published ports are open at the containers' own addresses. */
  readonly trusted?: readonly string[];
  /** What it has of each family. */
  readonly subnets: Readonly<Partial<Record<Family, SubnetRules>>>;
}

export interface SubnetRules {
  readonly subnet: Cidr;
  /** What leaves it gets the host's address. */
  readonly masquerade: boolean;
  /** Which of the host's addresses that is; absent: that of the device which it leaves by. */
  readonly source?: Address;
  /** It is reached by its own addresses, at ports that are open. */
  readonly routed: boolean;
  /** It is reached by its own addresses at any port, but not from other networks of ours. */
  readonly unprotected: boolean;
}

/** One translation of the host's port to a container's; without one of the host's the container's is open for who comes by a route. */
export interface PortRule {
  readonly protocol: Protocol;
  /** Its address is of the family of the container's; undefined stands for all. */
  readonly host: { readonly address: Address | undefined; readonly port: number } | undefined;
  /** Only for those who come from a trusted device. */
  readonly trusted?: boolean;
  readonly containerAddress: Address;
  readonly containerPort: number;
}

export interface RulesetOptions {
  readonly table: string;
  /** Packets that Gantry forwards get this mark bit, for a rule in a foreign chain to accept; 0 sets none. */
  readonly markBit: number;
}

/** The table of the family. */
export const TABLE_FAMILY = { 4: FAMILY.ip, 6: FAMILY.ip6 } as const;

/** Where addresses are in the family's header, and how many bytes and registers they take. */
const LAYOUT = {
  4: { source: 12, destination: 16, length: 4, registers: 1, field: FIELD.address },
  6: { source: 8, destination: 24, length: 16, registers: 4, field: FIELD.address6 },
} as const satisfies Record<Family, object>;

const ESTABLISHED_OR_RELATED = expression.word(0x2 | 0x4);
const DESTINATION_TRANSLATED = expression.word(1 << 5);
const ZERO = expression.word(0);
const LOCAL = expression.word(2);
const NAME_LENGTH = 16;

const setsOf = (family: Family) => {
  const { field, length } = LAYOUT[family];
  const target = { data: [field, FIELD.port], dataLength: length + 4 };
  const atAddress = { key: [FIELD.protocol, field, FIELD.port], keyLength: length + 8 };
  const [byAddress, byPort] = [
    { ...atAddress, ranges: [1, length, 2] },
    { key: [FIELD.protocol, FIELD.port], keyLength: 8, ranges: [1, 2] },
  ];
  const sameNumber = { data: [field], dataLength: length };
  return {
    bridges: { name: 'bridges', id: 1, key: [FIELD.interfaceName], keyLength: NAME_LENGTH },
    masquerade: { name: 'masquerade', id: 2, key: [FIELD.interfaceName], keyLength: NAME_LENGTH },
    internal: { name: 'internal', id: 3, key: [FIELD.interfaceName], keyLength: NAME_LENGTH },
    talking: { name: 'talking', id: 4, key: [FIELD.interfaceName, FIELD.interfaceName], keyLength: 2 * NAME_LENGTH },
    subnets: { name: 'subnets', id: 5, key: [field], keyLength: length, intervals: true },
    ports: { name: 'ports', id: 6, ...atAddress, ...target },
    anyPorts: { name: 'any-ports', id: 7, key: [FIELD.protocol, FIELD.port], keyLength: 8, ...target },
    routed: { name: 'routed', id: 8, key: [FIELD.interfaceName], keyLength: NAME_LENGTH },
    unprotected: { name: 'unprotected', id: 10, key: [FIELD.interfaceName], keyLength: NAME_LENGTH },
    trusted: { name: 'trusted', id: 11, key: [FIELD.interfaceName, FIELD.interfaceName], keyLength: 2 * NAME_LENGTH },
    trustedOpen: { name: 'trusted-open', id: 12, ...atAddress },
    sources: { name: 'sources', id: 13, key: [FIELD.interfaceName], keyLength: NAME_LENGTH, data: [field], dataLength: length },
    open: { name: 'open', id: 9, ...atAddress },
    portRanges: { name: 'port-ranges', id: 14, ...byAddress, ...sameNumber },
    anyPortRanges: { name: 'any-port-ranges', id: 15, ...byPort, ...sameNumber },
    openRanges: { name: 'open-ranges', id: 16, ...byAddress },
    trustedOpenRanges: { name: 'trusted-open-ranges', id: 17, ...byAddress },
    sums: SUMS,
    movedRanges: { name: 'moved-ranges', id: 19, ...byAddress, ...target },
    anyMovedRanges: { name: 'any-moved-ranges', id: 20, ...byPort, ...target },
  } as const satisfies Record<string, SetShape>;
};

const SETS = { 4: setsOf(4), 6: setsOf(6) } as const;
type SetKey = keyof (typeof SETS)[4];

const register = expression.register;
const [R0, R1, R4] = [0, 1, 4].map(register) as [number, number, number];

const input = [expression.loadMeta(expression.META.inputName, R0)];
const output = [expression.loadMeta(expression.META.outputName, R0)];
const inputAndOutput = [expression.loadMeta(expression.META.inputName, R0), expression.loadMeta(expression.META.outputName, R4)];
const accept = expression.verdict(expression.VERDICT.accept);
const drop = expression.verdict(expression.VERDICT.drop);
const hasState = [
  expression.loadConntrack(expression.CT.state, R0),
  expression.and(R0, ESTABLISHED_OR_RELATED),
  expression.compare(R0, 'different', ZERO),
];
const wasTranslated = [
  expression.loadConntrack(expression.CT.status, R0),
  expression.and(R0, DESTINATION_TRANSLATED),
  expression.compare(R0, 'different', ZERO),
];

/** IPv4's loopback block at an offset of the header. */
const loopbackAt = (offset: number): expression.Expression[] => [
  expression.loadPayload(expression.HEADER.network, offset, 1, R0),
  expression.compare(R0, 'equal', Buffer.from([127])),
];

/**
 * What comes in from elsewhere under a loopback address is forged: route_localnet on our bridges must not let it through. The kernel itself drops
 * such packets of IPv6.
 */
const loopbackRules = [LAYOUT[4].source, LAYOUT[4].destination].map((offset) => [
  ...input,
  expression.compare(R0, 'different', expression.interfaceName('lo')),
  ...loopbackAt(offset),
  drop,
]);

const IPV6_LOOPBACK = toBytes({ family: 6, value: 1n });

/** Nothing is translated to or from an address that cannot leave its link: who asks from there is relayed. */
const leavesLink: Readonly<Record<Family, readonly expression.Expression[]>> = {
  4: [],
  6: [
    expression.loadPayload(expression.HEADER.network, LAYOUT[6].destination, LAYOUT[6].length, R0),
    expression.compare(R0, 'different', IPV6_LOOPBACK),
    expression.loadPayload(expression.HEADER.network, LAYOUT[6].source, 2, R0),
    expression.and(R0, Buffer.from([0xff, 0xc0])),
    expression.compare(R0, 'different', Buffer.from([0xfe, 0x80])),
  ],
};

const toLocal = [expression.loadDestinationType(R0), expression.compare(R0, 'equal', LOCAL)];
const protocolTo = (into: number): expression.Expression => expression.loadMeta(expression.META.l4Protocol, into);
const destinationPortTo = (into: number): expression.Expression => expression.loadPayload(expression.HEADER.transport, 2, 2, into);

/** An exact host address goes before all addresses. */
function translationRules(family: Family): expression.Expression[][] {
  const { registers } = LAYOUT[family];
  const sets = SETS[family];
  const [port, whole] = [register(registers), expression.translateDestination(family, R0)];
  const exact = expression.translateDestination(family, R0, port);
  const byPort = [protocolTo(R0), destinationPortTo(R1)];
  return [
    [...byDestination(family), expression.loadFromMap(sets.ports.name, R0, R0), exact],
    [...byDestination(family), expression.loadFromMap(sets.portRanges.name, R0, R0), whole],
    [...byDestination(family), ...moveTo(family, sets.movedRanges.name)],
    [...byPort, expression.loadFromMap(sets.anyPorts.name, R0, R0), exact],
    [...byPort, expression.loadFromMap(sets.anyPortRanges.name, R0, R0), whole],
    [...byPort, ...moveTo(family, sets.anyMovedRanges.name)],
  ].map((rule) => [...toLocal, ...leavesLink[family], ...rule]);
}

/** To the address that a map holds for the key in the first registers, and the port that is asked for moved by the offset beside it. */
function moveTo(family: Family, map: string): expression.Expression[] {
  const address = 6;
  const offset = address + LAYOUT[family].registers;
  const [to, by, port] = [address, offset, offset + 1].map(register) as [number, number, number];
  const { expressions, sum } = add([by, port]);
  return [
    expression.loadConstant(by, ZERO),
    expression.loadFromMap(map, R0, to),
    destinationPortTo(port),
    ...expressions,
    expression.translateDestination(family, to, sum),
  ];
}

/** Protocol, destination and its port, the key of most sets of ports. */
function byDestination(family: Family): expression.Expression[] {
  const { destination, length, registers } = LAYOUT[family];
  return [
    protocolTo(R0),
    expression.loadPayload(expression.HEADER.network, destination, length, R1),
    destinationPortTo(register(1 + registers)),
  ];
}

/** The names of the sets are the same in both families. */
const NAMES = SETS[4];

/** Messages of the network itself, without which routes are not found out. */
const CONTROL = { 4: 1, 6: 58 } as const;

function forwardRules(family: Family, markBit: number): expression.Expression[][] {
  const mark = [expression.loadMeta(expression.META.mark, R0), expression.setBits(R0, markBit), expression.storeMark(R0)];
  const marking = [input, output].map((name) => [...name, expression.inSet(NAMES.bridges.name, R0), ...mark]);
  return [
    ...(markBit === 0 ? [] : marking),
    [...inputAndOutput, expression.inSet(NAMES.talking.name, R0), accept],
    ...[input, output].map((name) => [...name, expression.inSet(NAMES.internal.name, R0), drop]),
    [...hasState, accept],
    [...output, expression.inSet(NAMES.bridges.name, R0), ...wasTranslated, accept],
    [
      ...output,
      expression.inSet(NAMES.routed.name, R0),
      protocolTo(R0),
      expression.compare(R0, 'equal', Buffer.from([CONTROL[family]])),
      accept,
    ],
    ...[NAMES.open, NAMES.openRanges].map(({ name: open }) => [...byDestination(family), expression.inSet(open, R0), accept]),
    ...[NAMES.trustedOpen, NAMES.trustedOpenRanges].map(({ name: open }) => [
      ...inputAndOutput,
      expression.inSet(NAMES.trusted.name, R0),
      ...byDestination(family),
      expression.inSet(open, R0),
      accept,
    ]),
    [...input, expression.inSet(NAMES.bridges.name, R0, true), ...output, expression.inSet(NAMES.unprotected.name, R0), accept],
    [...output, expression.inSet(NAMES.bridges.name, R0), drop],
  ];
}

function masqueradeRules(family: Family): expression.Expression[][] {
  const { source, length } = LAYOUT[family];
  return [
    // A container reached through the host's address by a container: the answer must come back through the host. By source address, because
    // bridge netfilter knows no input interface here.
    [
      ...output,
      expression.inSet(NAMES.bridges.name, R0),
      expression.loadPayload(expression.HEADER.network, source, length, R0),
      expression.inSet(NAMES.subnets.name, R0),
      ...wasTranslated,
      expression.masquerade(),
    ],
    [
      ...output,
      expression.inSet(NAMES.bridges.name, R0, true),
      ...input,
      expression.loadFromMap(NAMES.sources.name, R0, R0),
      expression.translateSource(family, R0),
    ],
    [
      ...input,
      expression.inSet(NAMES.masquerade.name, R0),
      ...output,
      expression.inSet(NAMES.bridges.name, R0, true),
      expression.masquerade(),
    ],
    ...(family === 4 ? [[...output, expression.inSet(NAMES.bridges.name, R0), ...loopbackAt(source), expression.masquerade()]] : []),
  ];
}

const name = expression.interfaceName;

/** A bridge is in the tables of both families, whatever it has of them: what its containers make up for themselves is not forwarded either. */
function bridgeElements(family: Family, bridge: BridgeRules): [SetKey, Element[]][] {
  const single = [{ key: name(bridge.device) }];
  const pair = [{ key: Buffer.concat([name(bridge.device), name(bridge.device)]) }];
  const own = bridge.subnets[family];
  return [
    ['bridges', single],
    ...(own === undefined ? [] : [['subnets', intervalOf(own.subnet)] as [SetKey, Element[]]]),
    ...(own?.masquerade === true && !bridge.internal ? [leavingAs(bridge.device, own.source)] : []),
    ...trustedElements(bridge),
    ...(own?.routed === true ? [['routed', single] as [SetKey, Element[]]] : []),
    ...(own?.unprotected === true && !bridge.internal ? [['unprotected', single] as [SetKey, Element[]]] : []),
    ...(bridge.internal ? [['internal', single] as [SetKey, Element[]]] : []),
    ...(bridge.interContainer ? [['talking', pair] as [SetKey, Element[]]] : []),
  ];
}

/** By which address what leaves a network is known outside. */
const leavingAs = (device: string, source: Address | undefined): [SetKey, Element[]] =>
  source === undefined ? ['masquerade', [{ key: name(device) }]] : ['sources', [{ key: name(device), data: toBytes(source) }]];

const trustedElements = ({ device, trusted = [] }: BridgeRules): [SetKey, Element[]][] =>
  trusted.length === 0 ? [] : [['trusted', trusted.map((from) => ({ key: Buffer.concat([name(from), name(device)]) }))]];

const intervalOf = (subnet: Cidr): Element[] => [
  { key: toBytes(first(subnet)) },
  { key: toBytes(plus(last(subnet), 1n)), intervalEnd: true },
];

const PORT_SETS = [
  'ports',
  'anyPorts',
  'open',
  'trustedOpen',
  'portRanges',
  'anyPortRanges',
  'openRanges',
  'trustedOpenRanges',
  'movedRanges',
  'anyMovedRanges',
] as const satisfies readonly SetKey[];
type PortSet = (typeof PORT_SETS)[number];

const RANGES = {
  ports: 'portRanges',
  anyPorts: 'anyPortRanges',
  open: 'openRanges',
  trustedOpen: 'trustedOpenRanges',
} as const satisfies Partial<Record<PortSet, PortSet>>;

const MOVED = { ports: 'movedRanges', anyPorts: 'anyMovedRanges' } as const;

function portElement(range: PortRange): [PortSet, Element] {
  const { host, trusted, protocol, containerAddress, containerPort, count } = range;
  const by = Buffer.from([PROTOCOLS[protocol], 0, 0, 0]);
  const address = toBytes(containerAddress);
  if (host === undefined) return rangeOf(trusted === true ? 'trustedOpen' : 'open', [by, address], containerPort, count);
  const [set, where] = host.address === undefined ? (['anyPorts', [by]] as const) : (['ports', [by, toBytes(host.address)]] as const);
  const [into, element] = rangeOf(set, where, host.port, count);
  if (count === 1) return [into, { ...element, data: Buffer.concat([address, padded(containerPort)]) }];
  const offset = offsetOf(range);
  return offset === 0
    ? [into, { ...element, data: address }]
    : [MOVED[set], { ...element, data: Buffer.concat([address, padded(offset & 0xffff)]) }];
}

/** A single port is in the hash, several are in the set of ranges beside it. */
function rangeOf(set: keyof typeof RANGES, where: readonly Buffer[], first: number, count: number): [PortSet, Element] {
  const key = Buffer.concat([...where, padded(first)]);
  return count === 1 ? [set, { key }] : [RANGES[set], { key, keyEnd: Buffer.concat([...where, padded(first + count - 1)]) }];
}

/** A port in a register of its own. */
function padded(port: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt16BE(port);
  return out;
}

/** What a table is made for. */
export interface TableContent {
  readonly bridges: readonly BridgeRules[];
  readonly ports: readonly PortRange[];
  readonly encrypted?: readonly EncryptedRules[];
}

/** Replaces the whole table of a family in one transaction: connections and published ports never see it missing. */
export function installTable(family: Family, options: RulesetOptions, { bridges, ports, encrypted = [] }: TableContent): Request[] {
  const { table } = options;
  const of = TABLE_FAMILY[family];
  const own = encrypted.filter((network) => network.family === family);
  const chains = [
    ...(family === 4 ? [{ name: 'loopback', type: 'filter', hook: 'prerouting', priority: -300, rules: loopbackRules } as const] : []),
    { name: 'publish', type: 'nat', hook: 'prerouting', priority: -100, rules: translationRules(family) },
    { name: 'publish-local', type: 'nat', hook: 'output', priority: -100, rules: translationRules(family) },
    { name: 'forward', type: 'filter', hook: 'forward', priority: -1, rules: forwardRules(family, options.markBit) },
    { name: 'masquerade', type: 'nat', hook: 'postrouting', priority: 100, rules: masqueradeRules(family) },
    ...(own.length === 0 ? [] : ENCRYPTED_CHAINS), // a kernel without xfrm does not know their expressions
  ] as const;
  return [
    addTable(of, table),
    deleteTable(of, table),
    addTable(of, table),
    ...[...Object.values(SETS[family]), ...(own.length === 0 ? [] : Object.values(ENCRYPTED_SETS))].map((set) => addSet(of, table, set)),
    ...chains.flatMap((chain) => [addChain(of, table, chain), ...chain.rules.map((rule) => addRule(of, table, chain.name, rule))]),
    ...addElements(of, [table, NAMES.sums.name], sums()),
    ...bridges.flatMap((bridge) => addBridge(family, table, bridge)),
    ...addPorts(family, table, ports),
    ...own.flatMap((network) =>
      Object.entries(encryptedElements(network)).flatMap(([set, list]) =>
        addElements(of, [table, ENCRYPTED_SETS[set as keyof typeof ENCRYPTED_SETS].name], list),
      ),
    ),
  ];
}

export function removeTable(family: Family, table: string): Request[] {
  return [addTable(TABLE_FAMILY[family], table), deleteTable(TABLE_FAMILY[family], table)];
}

export function addBridge(family: Family, table: string, bridge: BridgeRules): Request[] {
  return bridgeElements(family, bridge).flatMap(([set, list]) => addElements(TABLE_FAMILY[family], [table, NAMES[set].name], list));
}

export function removeBridge(family: Family, table: string, bridge: BridgeRules): Request[] {
  return bridgeElements(family, bridge).flatMap(([set, list]) => deleteElements(TABLE_FAMILY[family], [table, NAMES[set].name], list));
}

/** Those of the rules that are the family's, by the set that they are in. */
function portsBySet(family: Family, rules: readonly PortRange[]): [PortSet, Element[]][] {
  const all = rules.filter(({ containerAddress }) => containerAddress.family === family).map(portElement);
  return PORT_SETS.map((set) => [set, all.filter(([into]) => into === set).map(([, element]) => element)]);
}

export function addPorts(family: Family, table: string, rules: readonly PortRange[]): Request[] {
  return portsBySet(family, rules).flatMap(([set, list]) => addElements(TABLE_FAMILY[family], [table, NAMES[set].name], list));
}

export function removePorts(family: Family, table: string, rules: readonly PortRange[]): Request[] {
  return portsBySet(family, rules).flatMap(([set, list]) => deleteElements(TABLE_FAMILY[family], [table, NAMES[set].name], list));
}
