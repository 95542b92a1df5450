import { createHash } from 'node:crypto';
import { type Definition, Op } from '@gantry/api/pb/ops';

/** Names of the cache mounts of steps that are not to use the cache: with `--no-cache` they begin empty, too. */
export function emptiedCaches({ def, metadata }: Definition): ReadonlySet<string> {
  const names = new Set<string>();
  if (!Object.values(metadata).some(({ ignoreCache }) => ignoreCache)) return names;
  for (const bytes of def) {
    const about = metadata[`sha256:${createHash('sha256').update(bytes).digest('hex')}`];
    if (about?.ignoreCache !== true) continue;
    for (const { cacheOpt, dest } of Op.decode(bytes).exec?.mounts ?? []) if (cacheOpt !== undefined) names.add(cacheOpt.ID || dest);
  }
  return names;
}
