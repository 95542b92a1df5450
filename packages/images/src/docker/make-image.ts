import {
  chainIds,
  danglingName,
  formatReference,
  familiarString,
  type ImageConfig,
  type Manifest,
  mediaTypes,
  parentLabel,
  sha256,
  type Descriptor,
} from '@gantry/oci';
import type { ContentStore } from '../content/store';
import type { Target } from '../store/images';
import type { Scope } from '../store/namespaced';
import type { Catalog } from './catalog';
import { configLabels, manifestLabels } from './gc-labels';
import { nameToGive, putName } from './names';

/** Stores configuration and manifest of an image that was made here, and names it. Its layers and snapshots must be there. */
export async function makeImage(
  deps: { readonly catalog: Catalog; readonly content: ContentStore; readonly snapshotter: { readonly name: string } },
  scope: Scope,
  image: { readonly config: ImageConfig; readonly layers: readonly Descriptor[]; readonly name: string; readonly parent: string },
): Promise<{ readonly imageId: string; readonly familiarName: string }> {
  const configJson = Buffer.from(JSON.stringify(image.config));
  const config: Descriptor = { mediaType: mediaTypes.dockerConfig, digest: sha256(configJson), size: configJson.length };
  const manifest: Manifest = { schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config, layers: [...image.layers] };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const target: Target = { mediaType: mediaTypes.dockerManifest, digest: sha256(bytes), size: bytes.length, annotations: {} };
  await deps.content.put(scope, configJson, config.digest, {
    ...configLabels(deps.snapshotter.name, chainIds(image.config.rootfs.diff_ids).at(-1)),
    ...(image.parent === '' ? {} : { [parentLabel]: image.parent }),
  });
  await deps.content.put(scope, bytes, target.digest, manifestLabels(manifest));
  const reference = image.name === '' ? undefined : nameToGive(image.name);
  putName(deps.catalog.images, scope, reference === undefined ? danglingName(target.digest) : formatReference(reference), target);
  return { imageId: target.digest, familiarName: reference === undefined ? '' : familiarString(reference) };
}
