import { invalidArgument } from '@gantry/rpc/errors';
import type { LinuxDeviceCgroup } from '@gantry/oci';

/** A rule with nothing left out: -1 is any number, type a is every device. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly type: 'a' | 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  readonly access: string;
}

const node = (type: 'c' | 'b', major: number, minor: number, access: string): DeviceRule => ({ allow: true, type, major, minor, access });

/** What every container may reach: making any node, the default devices, terminals. */
const always: readonly DeviceRule[] = [
  node('c', -1, -1, 'm'),
  node('b', -1, -1, 'm'),
  node('c', 1, 3, 'rwm'),
  node('c', 1, 5, 'rwm'),
  node('c', 1, 7, 'rwm'),
  node('c', 1, 8, 'rwm'),
  node('c', 1, 9, 'rwm'),
  node('c', 5, 0, 'rwm'),
  node('c', 5, 2, 'rwm'),
  node('c', 136, -1, 'rwm'),
];

/** The rules in their order, starting from "nothing" or "everything", with the default devices at the end; none that changes nothing. */
export function deviceRules(given: readonly LinuxDeviceCgroup[]): DeviceRule[] {
  const rules = given.map((rule): DeviceRule => {
    const type = rule.type === 'c' || rule.type === 'b' ? rule.type : 'a';
    return { allow: rule.allow, type, major: rule.major ?? -1, minor: rule.minor ?? -1, access: letters(rule.access) };
  });
  return withoutIdle([{ allow: false, type: 'a', major: -1, minor: -1, access: 'rwm' }, ...rules, ...always]);
}

/** A rule for every device undoes what was before it; what is allowed already need not be allowed again, nor what is not allowed be denied. Each rule costs a write on cgroup v1. */
function withoutIdle(rules: readonly DeviceRule[]): DeviceRule[] {
  const needed = rules.slice(rules.findLastIndex(({ type }) => type === 'a'));
  let allowed: DeviceRule[] = [];
  let all = false;
  return needed.filter((rule) => {
    if (!rule.allow) {
      if (rule.type !== 'a' && !all && !allowed.some((other) => meets(rule, other))) return false;
      [allowed, all] = [[], false];
      return true;
    }
    const text = formatRule(rule);
    if (all || allowed.some((other) => formatRule(other) === text)) return false;
    if (rule.type === 'a') all = true;
    allowed.push(rule);
    return true;
  });
}

/** Some device is of both, whatever may be done with it. */
function meets(a: DeviceRule, b: DeviceRule): boolean {
  const same = (one: number, other: number): boolean => one < 0 || other < 0 || one === other;
  return a.type === b.type && same(a.major, b.major) && same(a.minor, b.minor);
}

/** Of r, w and m; nothing said means all of them. */
function letters(access: string | undefined): string {
  if (!access) return 'rwm';
  const known = [...new Set(access)].filter((letter) => 'rwm'.includes(letter)).join('');
  if (!known) throw invalidArgument(`config.json: linux.resources.devices: access "${access}" is not of r, w and m`);
  return known;
}

/** As devices.allow and devices.deny of cgroup v1 read it. */
export function formatRule(rule: DeviceRule): string {
  const number = (n: number) => (n < 0 ? '*' : String(n));
  return rule.type === 'a' ? 'a' : `${rule.type} ${number(rule.major)}:${number(rule.minor)} ${rule.access}`;
}
