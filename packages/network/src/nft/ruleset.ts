/**
 * Gantry's own table. Its rules never change while it runs: what differs between networks and ports are set elements, so publishing
 * a port is one map element and the cost for a packet does not grow with their number.
 */
import type { Cidr } from '../address/cidr';
import { first, last, toBytes } from '../address/cidr';
import type { Request } from '../netlink/message';
import * as expression from './expression';
import type { Element, SetShape } from './transaction';
import { FAMILY, FIELD, addChain, addElements, addRule, addSet, addTable, deleteElements, deleteTable } from './transaction';

/** A bridge of ours, as the rules see it. */
export interface BridgeRules {
  readonly device: string;
  readonly subnet: Cidr;
  /** Its containers may talk to each other. */
  readonly interContainer: boolean;
  /** Nothing is forwarded to it or from it. */
  readonly internal: boolean;
  /** What leaves it gets the host's address. */
  readonly masquerade: boolean;
}

/** One translation of the host's port to a container's. */
export interface PortRule {
  readonly protocol: 'tcp' | 'udp';
  /** Host address; 0 stands for all. */
  readonly hostAddress: number;
  readonly hostPort: number;
  readonly containerAddress: number;
  readonly containerPort: number;
}

export interface RulesetOptions {
  readonly table: string;
  /** Packets that Gantry forwards get this mark bit, for a rule in a foreign chain to accept; 0 sets none. */
  readonly markBit: number;
}

const FAM = FAMILY.ip;
const PROTOCOL = { tcp: 6, udp: 17 } as const;
const ESTABLISHED_OR_RELATED = expression.word(0x2 | 0x4);
const DESTINATION_TRANSLATED = expression.word(1 << 5);
const ZERO = expression.word(0);
const LOCAL = expression.word(2);
const NAME_LENGTH = 16;

const SETS = {
  bridges: { name: 'bridges', id: 1, key: [FIELD.interfaceName], keyLength: NAME_LENGTH },
  masquerade: { name: 'masquerade', id: 2, key: [FIELD.interfaceName], keyLength: NAME_LENGTH },
  internal: { name: 'internal', id: 3, key: [FIELD.interfaceName], keyLength: NAME_LENGTH },
  talking: { name: 'talking', id: 4, key: [FIELD.interfaceName, FIELD.interfaceName], keyLength: 2 * NAME_LENGTH },
  subnets: { name: 'subnets', id: 5, key: [FIELD.address], keyLength: 4, intervals: true },
  ports: {
    name: 'ports',
    id: 6,
    key: [FIELD.protocol, FIELD.address, FIELD.port],
    keyLength: 12,
    data: [FIELD.address, FIELD.port],
    dataLength: 8,
  },
  anyPorts: { name: 'any-ports', id: 7, key: [FIELD.protocol, FIELD.port], keyLength: 8, data: [FIELD.address, FIELD.port], dataLength: 8 },
} as const satisfies Record<string, SetShape>;

const [R0, R1, R2, R4] = [0, 1, 2, 4].map(expression.register) as [number, number, number, number];

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

/** Loopback block at an offset of the IP header (12 source, 16 destination). */
const loopbackAt = (offset: number): expression.Expression[] => [
  expression.loadPayload(expression.HEADER.network, offset, 1, R0),
  expression.compare(R0, 'equal', Buffer.from([127])),
];

/** What comes in from elsewhere under a loopback address is forged: route_localnet on our bridges must not let it through. */
const loopbackRules = [12, 16].map((offset) => [
  ...input,
  expression.compare(R0, 'different', expression.interfaceName('lo')),
  ...loopbackAt(offset),
  drop,
]);

const toLocal = [expression.loadDestinationType(R0), expression.compare(R0, 'equal', LOCAL)];
const protocolTo = (into: number): expression.Expression => expression.loadMeta(expression.META.l4Protocol, into);
const destinationPortTo = (into: number): expression.Expression => expression.loadPayload(expression.HEADER.transport, 2, 2, into);

/** An exact host address goes before all addresses. */
const translationRules = [
  [
    ...toLocal,
    protocolTo(R0),
    expression.loadPayload(expression.HEADER.network, 16, 4, R1),
    destinationPortTo(R2),
    expression.loadFromMap(SETS.ports.name, R0, R0),
    expression.translateDestination(R0, R1),
  ],
  [
    ...toLocal,
    protocolTo(R0),
    destinationPortTo(R1),
    expression.loadFromMap(SETS.anyPorts.name, R0, R0),
    expression.translateDestination(R0, R1),
  ],
];

function forwardRules(markBit: number): expression.Expression[][] {
  const mark = [expression.loadMeta(expression.META.mark, R0), expression.setBits(R0, markBit), expression.storeMark(R0)];
  const marking = [input, output].map((name) => [...name, expression.inSet(SETS.bridges.name, R0), ...mark]);
  return [
    ...(markBit === 0 ? [] : marking),
    [...inputAndOutput, expression.inSet(SETS.talking.name, R0), accept],
    ...[input, output].map((name) => [...name, expression.inSet(SETS.internal.name, R0), drop]),
    [...hasState, accept],
    [...output, expression.inSet(SETS.bridges.name, R0), ...wasTranslated, accept],
    [...output, expression.inSet(SETS.bridges.name, R0), drop],
  ];
}

const masqueradeRules = [
  // A container reached through the host's address by a container: the answer must come back through the host. By source address, because
  // bridge netfilter knows no input interface here.
  [
    ...output,
    expression.inSet(SETS.bridges.name, R0),
    expression.loadPayload(expression.HEADER.network, 12, 4, R0),
    expression.inSet(SETS.subnets.name, R0),
    ...wasTranslated,
    expression.masquerade(),
  ],
  [...input, expression.inSet(SETS.masquerade.name, R0), ...output, expression.inSet(SETS.bridges.name, R0, true), expression.masquerade()],
  [...output, expression.inSet(SETS.bridges.name, R0), ...loopbackAt(12), expression.masquerade()],
];

const name = expression.interfaceName;

function bridgeElements(bridge: BridgeRules): [keyof typeof SETS, Element[]][] {
  const single = [{ key: name(bridge.device) }];
  const pair = [{ key: Buffer.concat([name(bridge.device), name(bridge.device)]) }];
  return [
    ['bridges', single],
    ['subnets', [{ key: toBytes(first(bridge.subnet)) }, { key: toBytes(last(bridge.subnet) + 1), intervalEnd: true }]],
    ...(bridge.masquerade && !bridge.internal ? [['masquerade', single] as [keyof typeof SETS, Element[]]] : []),
    ...(bridge.internal ? [['internal', single] as [keyof typeof SETS, Element[]]] : []),
    ...(bridge.interContainer ? [['talking', pair] as [keyof typeof SETS, Element[]]] : []),
  ];
}

function portElement(rule: PortRule): ['ports' | 'anyPorts', Element] {
  const data = Buffer.alloc(8);
  data.writeUInt32BE(rule.containerAddress, 0);
  data.writeUInt16BE(rule.containerPort, 4);
  const exact = rule.hostAddress !== 0;
  const key = Buffer.alloc(exact ? 12 : 8);
  key.writeUInt8(PROTOCOL[rule.protocol], 0);
  if (exact) key.writeUInt32BE(rule.hostAddress, 4);
  key.writeUInt16BE(rule.hostPort, exact ? 8 : 4);
  return [exact ? 'ports' : 'anyPorts', { key, data }];
}

/** Replaces the whole table in one transaction: connections and published ports never see it missing. */
export function installTable(options: RulesetOptions, bridges: readonly BridgeRules[], ports: readonly PortRule[]): Request[] {
  const { table } = options;
  const chains = [
    { name: 'loopback', type: 'filter', hook: 'prerouting', priority: -300, rules: loopbackRules },
    { name: 'publish', type: 'nat', hook: 'prerouting', priority: -100, rules: translationRules },
    { name: 'publish-local', type: 'nat', hook: 'output', priority: -100, rules: translationRules },
    { name: 'forward', type: 'filter', hook: 'forward', priority: -1, rules: forwardRules(options.markBit) },
    { name: 'masquerade', type: 'nat', hook: 'postrouting', priority: 100, rules: masqueradeRules },
  ] as const;
  return [
    addTable(FAM, table),
    deleteTable(FAM, table),
    addTable(FAM, table),
    ...Object.values(SETS).map((set) => addSet(FAM, table, set)),
    ...chains.flatMap((chain) => [addChain(FAM, table, chain), ...chain.rules.map((rule) => addRule(FAM, table, chain.name, rule))]),
    ...bridges.flatMap((bridge) => addBridge(table, bridge)),
    ...addPorts(table, ports),
  ];
}

export function removeTable(table: string): Request[] {
  return [addTable(FAM, table), deleteTable(FAM, table)];
}

export function addBridge(table: string, bridge: BridgeRules): Request[] {
  return bridgeElements(bridge).flatMap(([set, list]) => addElements(FAM, [table, SETS[set].name], list));
}

export function removeBridge(table: string, bridge: BridgeRules): Request[] {
  return bridgeElements(bridge).flatMap(([set, list]) => deleteElements(FAM, [table, SETS[set].name], list));
}

function portsBySet(rules: readonly PortRule[]): ['ports' | 'anyPorts', Element[]][] {
  const all = rules.map(portElement);
  return (['ports', 'anyPorts'] as const).map((set) => [set, all.filter(([into]) => into === set).map(([, element]) => element)]);
}

export function addPorts(table: string, rules: readonly PortRule[]): Request[] {
  return portsBySet(rules).flatMap(([set, list]) => addElements(FAM, [table, SETS[set].name], list));
}

export function removePorts(table: string, rules: readonly PortRule[]): Request[] {
  return portsBySet(rules).flatMap(([set, list]) => deleteElements(FAM, [table, SETS[set].name], list));
}
