import type { Rlimit } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { Limit } from './executor';

const NAMES: ReadonlySet<string> = new Set(
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
);

/** ulimits as rlimits; -1 is no limit. Throws invalidArgument that names the limit. */
export function rlimitsOf(limits: readonly Limit[]): Rlimit[] {
  return limits.map(({ name, soft, hard }) => {
    if (!NAMES.has(name.toLowerCase())) throw invalidArgument(`invalid ulimit type: ${name}`);
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: unsigned(soft), hard: unsigned(hard) };
  });
}

function unsigned(limit: bigint): number | bigint {
  const value = BigInt.asUintN(64, limit);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
