import type { PathStat } from '@gantry/api/gantry/engine/v1/containers';
import { exactNumber } from '@gantry/docker-api';
import { internal } from '@gantry/rpc';

/** Value of X-Docker-Container-Path-Stat: base64 of JSON. */
export function pathStatHeader(stat: PathStat | undefined): string {
  if (stat === undefined) throw internal('the engine answered no path stat');
  const { name, size, mode, mtime, linkTarget } = stat;
  return Buffer.from(JSON.stringify({ name, size: exactNumber(size), mode, mtime, linkTarget })).toString('base64');
}
