import type { CommitRequest } from '@gantry/api/gantry/images/v1/images';
import { chainIds, type Descriptor, type Digest, type ImageConfig, type ImageContainerConfig, mediaTypes, hostPlatform } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { ContentStore } from '../content/store';
import { withBelow } from '../diff/changes';
import type { DiffCreator } from '../diff/create';
import type { LayerIntake } from '../layers/intake';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import { nowMicros, microsToRfc3339 } from '../store/time';
import type { Catalog } from './catalog';
import { buildChain } from './chain';
import { applyChanges } from './dockerfile-changes';
import { makeImage } from './make-image';
import { underLease } from './operation';

export interface CommitDependencies {
  readonly catalog: Catalog;
  readonly content: ContentStore;
  readonly intake: LayerIntake;
  readonly snapshotter: RecordedSnapshotter;
  readonly leases: LeaseTable;
  readonly differ: DiffCreator;
}

/** Makes an image of what a container changed, on top of the image it was made from. */
export function commitImage(
  deps: CommitDependencies,
  scope: Scope,
  request: CommitRequest,
): Promise<{ imageId: string; familiarName: string }> {
  return underLease(deps.leases, scope, 'commit', async (own) => {
    const { snapshotter, differ, intake } = deps;
    const base = request.parentImageId === '' ? undefined : (await deps.catalog.resolve(own, request.parentImageId)).image;
    const right = await snapshotter.mounts(own, request.snapshotKey);
    const diff = await withBelow(snapshotter, own, request.snapshotKey, (left) =>
      differ.create(own, { left, right, mediaType: mediaTypes.dockerLayerGzip, ref: '', labels: {} }),
    );
    const diffIds = [...(base?.config.rootfs.diff_ids ?? []), diff.diffId as Digest];
    const chains = chainIds(diffIds);
    const layer: Descriptor = { mediaType: diff.mediaType, digest: diff.digest as Digest, size: diff.size };
    const layers = [...(base?.manifest.layers ?? []), layer];
    await buildChain(intake, snapshotter, own, {
      image: { chainIds: chains, config: { rootfs: { type: 'layers', diff_ids: diffIds } }, manifest: { layers } },
      loose: new Map(),
    });
    const created = microsToRfc3339(nowMicros());
    const before = parse(request.configJson);
    const config = applyChanges(before, request.changes);
    const host = hostPlatform();
    const image: ImageConfig = {
      ...(base?.config.variant === undefined ? {} : { variant: base.config.variant }),
      architecture: base?.config.architecture ?? host.architecture,
      os: base?.config.os ?? host.os,
      ...(request.author === '' ? {} : { author: request.author }),
      ...(request.containerId === '' ? {} : { container: request.containerId }),
      config,
      created,
      history: [
        ...(base?.config.history ?? []),
        {
          created,
          created_by: (before.Cmd ?? []).join(' '), // what made the layer, whatever shall run next
          ...(request.author === '' ? {} : { author: request.author }),
          ...(request.comment === '' ? {} : { comment: request.comment }),
        },
      ],
      rootfs: { type: 'layers', diff_ids: diffIds },
    };
    const name = request.repository === '' ? '' : request.tag === '' ? request.repository : `${request.repository}:${request.tag}`;
    return makeImage(deps, own, { config: image, layers, name, parent: request.parentImageId });
  });
}

function parse(json: Buffer): ImageContainerConfig {
  if (json.length === 0) return {};
  try {
    return JSON.parse(json.toString()) as ImageContainerConfig;
  } catch (cause) {
    throw invalidArgument('configuration of the new image is not JSON', { cause });
  }
}
