import { mkdir, writeFile } from 'node:fs/promises';
import { AT, S, syscalls } from '@gantry/linux';
import type { Mount } from '@gantry/oci';
import { invalidArgument, notFound, prefixed } from '@gantry/rpc';
import type { StepMount } from './executor';
import type { Place } from './place';
import { Tree } from './tree';

/** The step's mounts as config.json has them: parents first, each source found and, where only a part of it is shown, pinned. */
export async function sourcesOf(place: Place, mounts: readonly StepMount[]): Promise<Mount[]> {
  const ordered = [...mounts].sort((a, b) => (a.destination < b.destination ? -1 : a.destination > b.destination ? 1 : 0));
  const result: Mount[] = [];
  for (const mount of ordered) {
    try {
      result.push(await sourceOf(place, mount));
    } catch (error) {
      throw prefixed(error, `failed to mount ${mount.destination}`);
    }
  }
  return result;
}

async function sourceOf(place: Place, { destination, source, selector, readonly }: StepMount): Promise<Mount> {
  const access = readonly ? ['ro'] : [];
  const whole = /^\/*(?:\.?\/*)*$/.test(selector);
  const [only, ...more] = source;
  if (only === undefined) throw invalidArgument('no source');
  if (more.length === 0 && only.type === 'tmpfs')
    return { destination, type: 'tmpfs', source: 'tmpfs', options: [...only.options, ...access] };
  if (more.length === 0 && only.type === 'bind' && whole)
    return { destination, type: 'bind', source: only.source, options: [...only.options, ...access] };
  const mounted = place.path('mount');
  await mkdir(mounted, { mode: 0o700 });
  for (const mount of source) await place.mount(mounted, mount, { readonly });
  const shown = whole ? mounted : await pin(place, mounted, selector);
  return { destination, type: 'bind', source: shown, options: ['rbind', ...access] };
}

/**
 * Binds a part of a tree to a path of ours. It is found by one call that cannot leave the tree, and bound by its descriptor: whoever exchanges a name in the tree
 * meanwhile (another step with the same cache) changes nothing.
 */
async function pin(place: Place, mounted: string, selector: string): Promise<string> {
  const target = place.path('part');
  const tree = Tree.open(mounted);
  try {
    const fd = tree.hold(selector);
    if (fd === undefined) throw notFound(`"${selector}": not found`);
    try {
      const isFolder = (syscalls.statx(fd, '', AT.EMPTY_PATH).mode & S.IFMT) === S.IFDIR;
      if (isFolder) await mkdir(target, { mode: 0o700 });
      else await writeFile(target, '', { mode: 0o600 });
      await place.mount(target, { type: 'bind', source: `/proc/self/fd/${fd}`, target: '', options: ['rbind'] }, {});
    } finally {
      syscalls.close(fd);
    }
  } finally {
    tree.close();
  }
  return target;
}
