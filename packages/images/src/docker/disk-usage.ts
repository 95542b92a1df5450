import type { Image } from '@gantry/api/gantry/images/v1/images';
import type { ContentInfo } from '../content/records';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import { Kind } from '../snapshots/records';
import type { Scope } from '../store/namespaced';
import type { Catalog } from './catalog';
import { listImages } from './list';

export interface DiskUsageDependencies {
  readonly catalog: Catalog;
  readonly snapshotter: RecordedSnapshotter;
  readonly snapshotters: Readonly<Record<string, RecordedSnapshotter>>;
}

const CONTENT_REF = 'containerd.io/gc.ref.content';

/**
 * What images take on the disk: every layer as it is unpacked and every blob as it was fetched or loaded, each once, also those that no image names (any
 * more). An image has its layers and the blobs of all its platforms; the part that other images have, too, is its shared size.
 */
export async function diskUsage(
  deps: DiskUsageDependencies,
  scope: Scope,
  wanted: boolean,
): Promise<{ layersSize: bigint; images: Image[] }> {
  if (!wanted) return { layersSize: 0n, images: [] };
  const { catalog, snapshotter } = deps;
  const blobs = new Map(catalog.content.list(scope, () => true).map((info) => [info.digest, info]));
  const layers = Object.values(deps.snapshotters).flatMap((each) =>
    each.list(scope, () => true).filter(({ kind }) => kind === Kind.committed),
  );
  const total = [...blobs.values(), ...layers].reduce((sum, { size }) => sum + size, 0);

  const entries = await catalog.entries(scope);
  const parts = new Map(
    [...entries].map(([id, { image, records }]) => {
      const own = new Map<string, number>();
      for (const digest of reached(blobs, [id, image.configDigest, image.manifestDigest, ...records.map(({ target }) => target.digest)]))
        own.set(digest, blobs.get(digest)?.size ?? 0);
      for (const chain of image.chainIds) own.set(`layer ${chain}`, snapshotter.find(scope, chain)?.size ?? 0);
      return [id, own] as const;
    }),
  );
  const users = new Map<string, number>();
  for (const own of parts.values()) for (const part of own.keys()) users.set(part, (users.get(part) ?? 0) + 1);
  const images = await listImages(deps, scope, { all: true, filters: {}, sharedSize: false });
  for (const image of images) {
    const own = [...(parts.get(image.id) ?? [])];
    image.size = sumOf(own);
    image.sharedSize = sumOf(own.filter(([part]) => (users.get(part) ?? 0) > 1));
  }
  return { layersSize: BigInt(total), images };
}

const sumOf = (parts: readonly (readonly [string, number])[]): bigint => BigInt(parts.reduce((sum, [, size]) => sum + size, 0));

/** Blobs that are here and that others lead to, by the labels that garbage collection follows. */
function reached(blobs: ReadonlyMap<string, ContentInfo>, from: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const next = [...from];
  for (let digest = next.pop(); digest !== undefined; digest = next.pop()) {
    const info = blobs.get(digest);
    if (info === undefined || seen.has(digest)) continue;
    seen.add(digest);
    for (const [key, value] of Object.entries(info.labels)) if (key.startsWith(CONTENT_REF)) next.push(value);
  }
  return seen;
}
