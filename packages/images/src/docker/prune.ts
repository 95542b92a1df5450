import type { ImageUse, Removed } from '@gantry/api/gantry/images/v1/images';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Scope } from '../store/namespaced';
import { imageFilter, type Filters } from './list';
import { describe } from './inspect';
import { collectAfter, type RemoveDependencies, takeImageAway } from './remove';

/** Removes dangling images, or with the filter dangling=false every image that no container uses. */
export async function pruneImages(
  deps: RemoveDependencies & { readonly snapshotter: RecordedSnapshotter },
  scope: Scope,
  options: { readonly filters: Filters; readonly uses: readonly ImageUse[] },
): Promise<{ removed: Removed[]; spaceReclaimed: bigint }> {
  const { dangling, ...filters } = options.filters;
  const word = dangling?.values[0] ?? 'true';
  if (!['true', 'false', '1', '0'].includes(word)) throw invalidArgument(`invalid filter 'dangling=[${word}]'`);
  const all = word === 'false' || word === '0';
  const used = new Set(options.uses.map(({ imageId }) => imageId));
  const accepts = await imageFilter(deps.catalog, scope, filters);
  const removed: Removed[] = [];
  const sizes = new Map<string, number>();
  const find = (chainId: string) => deps.snapshotter.find(scope, chainId);
  try {
    for (const [id, entry] of await deps.catalog.entries(scope)) {
      const image = await describe(deps, scope, entry);
      const untagged = image.repoTags.length === 0 && image.repoDigests.length === 0;
      if (used.has(id) || used.has(image.configDigest) || (!all && !untagged) || accepts(entry, image) === undefined) continue;
      for (const chainId of entry.image.chainIds) sizes.set(chainId, find(chainId)?.size ?? 0);
      const refs = untagged ? [id] : [...image.repoTags, ...image.repoDigests.filter(() => image.repoTags.length === 0)];
      for (const ref of refs) {
        try {
          removed.push(...(await takeImageAway(deps, scope, { ref, force: false, prune: true, uses: options.uses })));
        } catch (error) {
          if (!isErrorOf(error, 'conflict', 'notFound')) throw error; // another image was made from it, or it went with another
        }
      }
    }
  } finally {
    await collectAfter(deps, removed); // once for all: it looks at the whole store
  }
  const reclaimed = [...sizes].filter(([chainId]) => find(chainId) === undefined);
  return { removed, spaceReclaimed: reclaimed.reduce((sum, [, size]) => sum + BigInt(size), 0n) };
}
