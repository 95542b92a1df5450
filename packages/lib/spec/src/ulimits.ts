import { invalidArgument } from '@gantry/rpc';

/** Limits of setrlimit(2) by the names that docker's flags and Dockerfiles give them. */
export const ULIMIT_NAMES: ReadonlySet<string> = new Set([
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]);

/** Refuses a soft limit above the hard one; -1 is no limit. Throws invalidArgument. */
export function checkUlimit(soft: bigint, hard: bigint): void {
  if (hard !== -1n && (soft > hard || soft === -1n))
    throw invalidArgument(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
}
