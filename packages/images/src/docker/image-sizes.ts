import type { Scope } from '../store/namespaced';
import type { CatalogEntry } from './catalog';
import type { DescribeDependencies } from './inspect';
import { listManifests } from './manifests';

/** What an image takes, with all its platforms that are here: blobs as they are stored, and layers as they are unpacked. own: blobs of the chosen platform. */
export async function imageSizes(
  deps: DescribeDependencies,
  scope: Scope,
  entry: CatalogEntry,
): Promise<{ readonly content: number; readonly unpacked: number; readonly own: number }> {
  const target = entry.records[0]?.target;
  let own = target === undefined || target.digest === entry.image.manifestDigest ? 0 : target.size;
  let content = 0;
  let unpacked = 0;
  for (const manifest of await listManifests(deps, scope, entry)) {
    content += Number(manifest.contentSize);
    if (manifest.descriptor?.digest === entry.image.manifestDigest) own += Number(manifest.contentSize);
    unpacked += Number(manifest.unpackedSize);
  }
  return { content, unpacked, own };
}
