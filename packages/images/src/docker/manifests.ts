import type { ImageManifest } from '@gantry/api/gantry/images/v1/images';
import { chainIds, type Descriptor, isIndex, type Platform } from '@gantry/oci';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Scope } from '../store/namespaced';
import type { Catalog, CatalogEntry } from './catalog';

/** Annotations that tell an attestation from an image. */
const KIND = 'vnd.docker.reference.type';
const SUBJECT = 'vnd.docker.reference.digest';

/** Every manifest of an image, of platforms that are here and of those that are not: `docker image ls --tree`. */
export async function listManifests(
  deps: { readonly catalog: Catalog; readonly snapshotter: RecordedSnapshotter },
  scope: Scope,
  { image, records }: CatalogEntry,
): Promise<ImageManifest[]> {
  const { content, reader } = deps.catalog;
  const target = records[0]?.target ?? {
    mediaType: image.manifest.mediaType ?? '',
    digest: image.manifestDigest,
    size: content.table.sharedSize(image.manifestDigest) ?? 0,
    annotations: {},
  };
  if (!isIndex(target.mediaType)) return [await one(deps, scope, { ...target, digest: target.digest as Descriptor['digest'] })];
  const { value: index } = await reader.documents.index(scope, target.digest);
  return Promise.all(index.manifests.map((entry) => one(deps, scope, entry)));
}

async function one(
  { catalog: { content, reader }, snapshotter }: { readonly catalog: Catalog; readonly snapshotter: RecordedSnapshotter },
  scope: Scope,
  entry: Descriptor,
): Promise<ImageManifest> {
  const { mediaType, digest, size, annotations = {} } = entry;
  const about = annotations[KIND] === 'attestation-manifest' ? (annotations[SUBJECT] ?? '') : '';
  const told: ImageManifest = {
    descriptor: { mediaType, digest, size: BigInt(size), annotations: { ...annotations } },
    available: false,
    contentSize: 0n,
    unpackedSize: 0n,
    kind: about === '' ? 'image' : 'attestation',
    platform: wirePlatform(entry.platform),
    imageId: '',
    attestationFor: about,
  };
  if (!content.has(scope, digest)) return told;
  const { value: manifest } = await reader.documents.manifest(scope, digest);
  const blobs = [entry, manifest.config, ...manifest.layers].filter(
    (blob, at, all) => all.findIndex((other) => other.digest === blob.digest) === at,
  );
  const here = blobs.filter((blob) => content.has(scope, blob.digest));
  told.available = here.length === blobs.length;
  told.contentSize = BigInt(here.reduce((sum, blob) => sum + blob.size, 0));
  if (about !== '' || !content.has(scope, manifest.config.digest)) return told;
  try {
    const { value: config } = await reader.documents.config(scope, manifest.config.digest);
    const sizes = chainIds(config.rootfs.diff_ids).map((chain) => snapshotter.find(scope, chain)?.size ?? 0);
    return {
      ...told,
      imageId: manifest.config.digest,
      platform: wirePlatform(entry.platform ?? config),
      unpackedSize: BigInt(sizes.reduce((sum, layer) => sum + layer, 0)),
    };
  } catch {
    return { ...told, kind: 'unknown' }; // an artifact
  }
}

function wirePlatform(platform: Platform | undefined): ImageManifest['platform'] {
  return (
    platform && {
      os: platform.os,
      architecture: platform.architecture,
      variant: platform.variant ?? '',
      osVersion: platform['os.version'] ?? '',
    }
  );
}
