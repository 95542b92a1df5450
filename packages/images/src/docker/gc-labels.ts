import type { Index, Manifest } from '@gantry/oci';
import type { Labels } from '../store/labels';

/** References that garbage collection follows, in containerd's own label names, so that its clients see normal objects. */
export function manifestLabels(manifest: Manifest): Labels {
  const labels: Labels = { 'containerd.io/gc.ref.content.config': manifest.config.digest };
  manifest.layers.forEach((layer, at) => (labels[`containerd.io/gc.ref.content.l.${at}`] = layer.digest));
  return labels;
}

/** Only manifests that are here are referenced: the others were not wanted. */
export function indexLabels(index: Index, has: (digest: string) => boolean): Labels {
  const labels: Labels = {};
  index.manifests.forEach((entry, at) => {
    if (has(entry.digest)) labels[`containerd.io/gc.ref.content.m.${at}`] = entry.digest;
  });
  return labels;
}

export function configLabels(snapshotter: string, chainId: string | undefined): Labels {
  return chainId === undefined ? {} : { [`containerd.io/gc.ref.snapshot.${snapshotter}`]: chainId };
}
