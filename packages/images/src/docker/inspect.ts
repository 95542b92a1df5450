import type { Image } from '@gantry/api/gantry/images/v1/images';
import type { Descriptor as WireDescriptor } from '@gantry/api/containerd/types/types';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Target } from '../store/images';
import type { Scope } from '../store/namespaced';
import { microsToRfc3339 } from '../store/time';
import type { Catalog, CatalogEntry } from './catalog';
import { shownNames } from './names';

export function wireTarget(target: Target): WireDescriptor {
  return { mediaType: target.mediaType, digest: target.digest, size: BigInt(target.size), annotations: { ...target.annotations } };
}

/** RFC 3339 without trailing zeros of the fraction, as docker writes every time; the offset stays. */
export function shortTime(text: string): string {
  return text.replace(/\.(\d*?)0*(?=Z$|[+-]\d\d:\d\d$)/, (_all, digits: string) => (digits === '' ? '' : `.${digits}`));
}

/** Bytes of the layers as unpacked; a chain that is not unpacked counts the compressed layer. */
export function imageSize(snapshotter: RecordedSnapshotter, scope: Scope, entry: CatalogEntry): number {
  return layerSizes(snapshotter, scope, entry).reduce((sum, size) => sum + size, 0);
}

export function layerSizes(snapshotter: RecordedSnapshotter, scope: Scope, { image }: CatalogEntry): number[] {
  return image.chainIds.map((chainId, at) => snapshotter.find(scope, chainId)?.size ?? image.manifest.layers[at]?.size ?? 0);
}

/** Everything that docker's list and inspect show, and a container needs. */
export function describe(catalog: Catalog, snapshotter: RecordedSnapshotter, scope: Scope, entry: CatalogEntry): Image {
  const { image, records } = entry;
  const { config } = image;
  const { tags, digests } = shownNames(records);
  const [record] = records;
  const newest = records.reduce((latest, { updated }) => Math.max(latest, updated), 0);
  const top = snapshotter.find(scope, image.chainIds.at(-1) ?? '');
  const lower = top === undefined ? [] : snapshotter.lowerDirectories(top);
  const graph: Record<string, string> =
    lower[0] === undefined ? {} : { UpperDir: lower[0], ...(lower.length > 1 ? { LowerDir: lower.slice(1).join(':') } : {}) };
  return {
    id: image.id,
    repoTags: tags,
    repoDigests: digests,
    parent: catalog.parentOf(scope, image),
    comment: config.history?.at(-1)?.comment ?? '',
    author: config.author ?? '',
    created: shortTime(config.created ?? ''),
    size: BigInt(imageSize(snapshotter, scope, entry)),
    platform: { os: config.os, architecture: config.architecture, variant: config.variant ?? '', osVersion: config['os.version'] ?? '' },
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
    graphDriverData: graph,
  };
}
