import { type Descriptor, mediaTypes, sha256 } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import { CACHE_CONFIG } from './config';
import type { MarshalledCache } from './marshal';

export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** How a cache is written down in a registry or a layout. */
export interface ManifestForm {
  /** An image manifest, else an index whose entries are the layers. */
  readonly imageManifest: boolean;
  readonly oci: boolean;
}

/** A cache's configuration and the manifest that names it and all layers. */
export function cacheDocuments(
  { config, layers }: MarshalledCache,
  { imageManifest, oci }: ManifestForm,
): { readonly config: Document; readonly manifest: Document } {
  if (imageManifest && !oci)
    throw invalidArgument('invalid configuration for remote cache, OCI mediatypes are required for image-manifest cache format');
  const configured = document(config, CACHE_CONFIG);
  const unique = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  const mediaType = imageManifest ? mediaTypes.ociManifest : oci ? mediaTypes.ociIndex : mediaTypes.dockerManifestList;
  const manifest = imageManifest
    ? { schemaVersion: 2, mediaType, config: configured.descriptor, layers: unique }
    : { schemaVersion: 2, mediaType, manifests: [...unique, configured.descriptor] };
  return { config: configured, manifest: document(manifest, mediaType) };
}

function document(value: object, mediaType: string): Document {
  const bytes = Buffer.from(JSON.stringify(value));
  return { bytes, descriptor: { mediaType, digest: sha256(bytes), size: bytes.length } };
}
