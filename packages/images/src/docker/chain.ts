import type { Manifest } from '@gantry/oci';
import { dataLoss } from '@gantry/rpc';
import type { LayerIntake, LooseLayer } from '../layers/intake';
import { StackedIntake } from './stacked-intake';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import type { Catalog } from './catalog';
import { configLabels } from './gc-labels';
import type { LoadedImage } from './image-reader';
import { underLease } from './operation';

/** What a container needs is built again from content for the snapshotter that it is asked of, where an image of docker's view says how. */
export async function ensureChain(
  deps: { readonly catalog: Catalog; readonly intake: LayerIntake; readonly snapshotter: RecordedSnapshotter; readonly leases: LeaseTable },
  scope: Scope,
  chainId: string,
): Promise<boolean> {
  const image = await deps.catalog.ofChain(scope, chainId);
  if (image === undefined) return false;
  await underLease(deps.leases, scope, 'unpack', async (own) => {
    await buildChain(deps.intake, deps.snapshotter, own, { image, loose: new Map() });
    deps.catalog.content.setLabels(own, image.configDigest, configLabels(deps.snapshotter.name, chainId));
  });
  return true;
}

/** Stacks the layers of an image that are not snapshots yet. Loose layers that the caller brings are used up (each once). */
export async function buildChain(
  intake: LayerIntake,
  snapshotter: RecordedSnapshotter,
  scope: Scope,
  options: {
    readonly image: Pick<LoadedImage, 'chainIds'> & {
      readonly config: Pick<LoadedImage['config'], 'rootfs'>;
      readonly manifest: Pick<Manifest, 'layers'>;
    };
    readonly loose: Map<string, LooseLayer>;
    readonly signal?: AbortSignal;
    readonly onLayer?: (at: number) => void;
  },
): Promise<void> {
  const { chainIds, config, manifest } = options.image;
  if (manifest.layers.length !== chainIds.length)
    throw dataLoss(`image has ${manifest.layers.length} layers and ${chainIds.length} diff ids`);
  for (const [at, chainId] of chainIds.entries()) {
    options.signal?.throwIfAborted();
    const layer = manifest.layers[at];
    const wanted = config.rootfs.diff_ids[at];
    if (layer === undefined || wanted === undefined || snapshotter.find(scope, chainId) !== undefined) continue;
    if (intake instanceof StackedIntake) {
      await intake.stack(scope, { snapshotter, layer: layer.digest, diffId: wanted, chainId, parent: chainIds[at - 1] ?? '' });
      options.onLayer?.(at);
      continue;
    }
    let loose = options.loose.get(layer.digest);
    options.loose.delete(layer.digest);
    if (loose === undefined) {
      const unpacked = await intake.unpack(scope, layer.digest, options.signal);
      if (unpacked.diffId !== wanted) {
        await intake.drop(scope, unpacked.loose.key);
        throw dataLoss(`layer ${layer.digest} unpacks to ${unpacked.diffId}, its image says ${wanted}`);
      }
      loose = unpacked.loose;
    }
    await intake.settle(scope, loose, chainId, chainIds[at - 1] ?? '');
    options.onLayer?.(at);
  }
}
