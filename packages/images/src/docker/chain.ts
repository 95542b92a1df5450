import type { Manifest } from '@gantry/oci';
import { dataLoss } from '@gantry/rpc';
import type { LayerIntake, LooseLayer } from '../layers/intake';
import type { OverlaySnapshotter } from '../snapshots/overlay';
import type { Scope } from '../store/namespaced';
import type { LoadedImage } from './image-reader';

/** Stacks the layers of an image that are not snapshots yet. Loose layers that the caller brings are used up (each once). */
export async function buildChain(
  intake: LayerIntake,
  snapshotter: OverlaySnapshotter,
  scope: Scope,
  options: { readonly image: Pick<LoadedImage, 'chainIds' | 'config'> & { readonly manifest: Pick<Manifest, 'layers'> }; readonly loose: Map<string, LooseLayer>; readonly signal?: AbortSignal; readonly onLayer?: (at: number) => void },
): Promise<void> {
  const { chainIds, config, manifest } = options.image;
  if (manifest.layers.length !== chainIds.length) throw dataLoss(`image has ${manifest.layers.length} layers and ${chainIds.length} diff ids`);
  for (const [at, chainId] of chainIds.entries()) {
    options.signal?.throwIfAborted();
    const layer = manifest.layers[at];
    const wanted = config.rootfs.diff_ids[at];
    if (layer === undefined || wanted === undefined || snapshotter.find(scope, chainId) !== undefined) continue;
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
