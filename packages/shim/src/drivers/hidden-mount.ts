import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { detectCgroups } from '@gantry/linux';

/**
 * The mount point that a runtime binary must not see. crun refuses a hybrid host whose v2 tree still holds a controller (often hugetlb); the
 * controllers that it uses are all on v1 there, so it runs where that tree is not mounted.
 */
export function hiddenMount(binary: string): string | undefined {
  if (basename(binary) !== 'crun') return undefined;
  const cgroups = detectCgroups();
  const unified = cgroups.mode === 'hybrid' ? cgroups.find('unified') : undefined;
  return unified !== undefined && readFileSync(join(unified.path, 'cgroup.controllers'), 'utf8').trim() !== '' ? unified.path : undefined;
}
