import type { Image } from '@gantry/api/gantry/images/v1/images';
import type { Descriptor as WireDescriptor } from '@gantry/api/containerd/types/types';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import { mediaTypes } from '@gantry/oci';
import type { ImageRecord, Target } from '../store/images';
import type { Scope } from '../store/namespaced';
import { microsToRfc3339 } from '../store/time';
import type { Catalog, CatalogEntry } from './catalog';
import type { LoadedImage } from './image-reader';
import { originOf } from './origin';
import { imageSizes } from './image-sizes';
import { shownNames } from './names';

export function wireTarget(target: Target): WireDescriptor {
  return { mediaType: target.mediaType, digest: target.digest, size: BigInt(target.size), annotations: { ...target.annotations } };
}

/** RFC 3339 without trailing zeros of the fraction, as docker writes every time; the offset stays. */
export function shortTime(text: string): string {
  return text.replace(/\.(\d*?)0*(?=Z$|[+-]\d\d:\d\d$)/, (_all, digits: string) => (digits === '' ? '' : `.${digits}`));
}

export interface DescribeDependencies {
  readonly catalog: Catalog;
  readonly snapshotter: RecordedSnapshotter;
}

/** Bytes of each layer as unpacked; one that is not counts as it is stored. */
export function layerSizes(snapshotter: RecordedSnapshotter, scope: Scope, { image }: Pick<CatalogEntry, 'image'>): number[] {
  return image.chainIds.map((chainId, at) => snapshotter.find(scope, chainId)?.size ?? image.manifest.layers[at]?.size ?? 0);
}

/** Everything that docker's list and inspect show, and a container needs. */
export async function describe(deps: DescribeDependencies, scope: Scope, entry: CatalogEntry): Promise<Image> {
  const { catalog, snapshotter } = deps;
  const { id, image, records } = entry;
  const { config } = image;
  const { tags, digests } = shownNames(records);
  const [record] = records;
  const newest = records.reduce((latest, { updated }) => Math.max(latest, updated), 0);
  const { content, unpacked, own } = await imageSizes(deps, scope, entry);
  const { os, architecture } = config;
  return {
    id,
    repoTags: tags,
    repoDigests: digests,
    parent: await catalog.parentIdOf(scope, image),
    comment: config.history?.at(-1)?.comment ?? '',
    author: config.author ?? '',
    created: shortTime(config.created ?? ''),
    size: BigInt(content + unpacked),
    platform: { os, architecture, variant: config.variant ?? '', osVersion: config['os.version'] ?? '' },
    configJson: image.configJson,
    diffIds: [...config.rootfs.diff_ids],
    chainId: image.chainIds.at(-1) ?? '',
    snapshotter: snapshotter.name,
    target: record && wireTarget(record.target),
    lastTagTime: newest === 0 ? '' : microsToRfc3339(newest),
    labels: config.config?.Labels ?? {},
    sharedSize: -1n,
    dockerVersion: config.docker_version ?? '',
    names: records.map(({ name }) => name),
    graphDriverData: {}, // containerd's snapshotters do not tell their directories
    contentSize: BigInt(own),
    configDigest: image.configDigest,
    manifest: manifestOf(image, record),
    ...originOf(catalog, scope, record?.target.digest ?? id),
    unpackedSize: BigInt(layerSizes(snapshotter, scope, entry).reduce((sum, size) => sum + size, 0)),
  };
}

/** The chosen platform's manifest: as the name has it, or as an index does. */
function manifestOf(image: LoadedImage, record: ImageRecord | undefined): WireDescriptor {
  if (record?.target.digest === image.manifestDigest) return wireTarget(record.target);
  const mediaType = image.manifest.mediaType ?? mediaTypes.ociManifest;
  return { mediaType, digest: image.manifestDigest, size: BigInt(image.manifestSize), annotations: {} };
}
