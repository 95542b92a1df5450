import type { ImageUse, Removed } from '@gantry/api/gantry/images/v1/images';
import { familiarString, tryReference, withDefaultTag } from '@gantry/oci';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Scope } from '../store/namespaced';
import { imageFilter, type Filters } from './list';
import { describe } from './inspect';
import { collectAfter, type RemoveDependencies, takeImageAway } from './remove';

/**
 * Removes dangling images, or with the filter dangling=false every image that no container uses, and of one that is used every name that no container was made with;
 * the last name stays.
 */
export async function pruneImages(
  deps: RemoveDependencies & { readonly snapshotter: RecordedSnapshotter },
  scope: Scope,
  options: { readonly filters: Filters; readonly uses: readonly ImageUse[]; readonly names: readonly string[] },
): Promise<{ removed: Removed[]; spaceReclaimed: bigint }> {
  const { dangling, ...filters } = options.filters;
  const word = dangling?.values[0] ?? 'true';
  if (!['true', 'false', '1', '0'].includes(word)) throw invalidArgument(`invalid filter 'dangling=[${word}]'`);
  const all = word === 'false' || word === '0';
  const used = new Set(options.uses.map(({ imageId }) => imageId));
  const named = new Set(options.names.map(tagOf));
  const accepts = await imageFilter(deps.catalog, scope, filters);
  const removed: Removed[] = [];
  const sizes = new Map<string, number>();
  const find = (chainId: string) => deps.snapshotter.find(scope, chainId);
  try {
    for (const [id, entry] of await deps.catalog.entries(scope)) {
      const image = await describe(deps, scope, entry);
      const untagged = image.repoTags.length === 0 && image.repoDigests.length === 0;
      if ((!all && !untagged) || accepts(entry, image) === undefined) continue;
      const stays = used.has(id) || used.has(image.configDigest) ? staying(image.repoTags, named) : [];
      if (stays === 'all') continue;
      for (const chainId of entry.image.chainIds) sizes.set(chainId, find(chainId)?.size ?? 0);
      const tags = image.repoTags.filter((tag) => !stays.includes(tag));
      const refs = untagged ? [id] : [...tags, ...image.repoDigests.filter(() => image.repoTags.length === 0)];
      const uses = stays.length > 0 ? [] : options.uses; // a name that goes is in nobody's way where another one stays
      for (const ref of refs) {
        try {
          removed.push(...(await takeImageAway(deps, scope, { ref, force: false, prune: true, uses })));
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

/** Of a used image's tags those that stay: the ones that containers were made with, else the last, as docker sorts them. */
function staying(tags: readonly string[], named: ReadonlySet<string | undefined>): readonly string[] | 'all' {
  const kept = tags.filter((tag) => named.has(tag));
  if (kept.length > 0) return kept;
  const last = [...tags].sort().at(-1);
  return last === undefined ? 'all' : [last];
}

/** The tag that a text names; undefined for an id, or a name by its digest alone. */
function tagOf(text: string): string | undefined {
  const reference = tryReference(text);
  if (reference === undefined || (reference.digest !== undefined && reference.tag === undefined)) return undefined;
  const { digest: _digest, ...tagged } = withDefaultTag(reference);
  return familiarString(tagged);
}
