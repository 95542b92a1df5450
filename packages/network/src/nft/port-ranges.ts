import { formatAddress } from '../address/cidr';
import type { PortRule } from './ruleset';

/** Rules of ports that follow each other; one of them, or more that are all moved by as much. */
export interface PortRange extends PortRule {
  readonly count: number;
}

/** The port by which a rule is found. */
const portOf = ({ host, containerPort }: PortRule): number => host?.port ?? containerPort;

/** How far a port is moved on its way into the container. */
export const offsetOf = (rule: PortRule): number => rule.containerPort - portOf(rule);

/** What rules must have in common to be one. */
function kindOf({ protocol, host, trusted, containerAddress }: PortRule): string {
  const way = host === undefined ? (trusted === true ? 'trusted' : 'open') : host.address === undefined ? '' : formatAddress(host.address);
  return `${protocol} ${way} ${formatAddress(containerAddress)}`;
}

/** Names a rule with all that it says. */
export const keyOfRange = (range: PortRange): string => `${kindOf(range)} ${portOf(range)} ${range.containerPort} ${range.count}`;

/** Joins rules whose ports follow each other and are moved by as much on their way into one container, so that thousands of them are one element of a map. */
export function joinPorts(rules: readonly PortRule[]): PortRange[] {
  const kinds = new Map<string, PortRule[]>();
  for (const rule of rules) {
    const kind = kindOf(rule);
    const siblings = kinds.get(kind);
    if (siblings === undefined) kinds.set(kind, [rule]);
    else siblings.push(rule);
  }
  return [...kinds.values()].flatMap(joinSiblings);
}

function joinSiblings(rules: readonly PortRule[]): PortRange[] {
  const ranges: PortRange[] = [];
  for (const rule of rules.toSorted((a, b) => portOf(a) - portOf(b))) {
    const last = ranges.at(-1);
    if (last !== undefined && offsetOf(last) === offsetOf(rule) && portOf(rule) === portOf(last) + last.count)
      ranges[ranges.length - 1] = { ...last, count: last.count + 1 };
    else ranges.push({ ...rule, count: 1 });
  }
  return ranges;
}
