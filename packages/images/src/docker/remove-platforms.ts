import type { ImageUse, Removed } from '@gantry/api/gantry/images/v1/images';
import { type Descriptor, formatPlatform, isIndex, type Platform, platformEquals } from '@gantry/oci';
import { conflict, invalidArgument, notFound } from '@gantry/rpc';
import { parseIndex } from '@gantry/registry';
import type { Scope } from '../store/namespaced';
import { underLease } from './operation';
import { removeImage, type RemoveDependencies, type RemoveOptions } from './remove';

const REFERENCE = 'containerd.io/gc.ref.content.m.';
const SUBJECT = 'vnd.docker.reference.digest';

/**
 * Docker's rmi of single platforms: their manifests, configurations and layers go, the name and the other platforms stay. With the last platform that
 * is here the name goes, too, by the rules of rmi. What a container uses is only given up by force, and never while it runs.
 */
export async function removePlatforms(
  deps: RemoveDependencies,
  scope: Scope,
  options: RemoveOptions & { readonly platforms: readonly Platform[] },
): Promise<Removed[]> {
  const { catalog } = deps;
  if (!options.force)
    throw invalidArgument(
      'Content will be removed from all images referencing this variant. Use —-force to force delete.', // docker's own dashes
    );
  const { ref, platforms } = options;
  const entry = await catalog.resolve(scope, ref);
  const target = (catalog.findRecord(scope, ref) ?? entry.records[0])?.target;
  const absent = (platform: Platform): Error =>
    notFound(`image with reference ${ref} was found but does not provide the specified platform (${formatPlatform(platform)})`);
  if (target === undefined || !isIndex(target.mediaType)) {
    for (const platform of platforms) if (!platformEquals(entry.image.config, platform)) throw absent(platform);
    return removeImage(deps, scope, options);
  }
  const index = parseIndex(await catalog.content.readAll(scope, target.digest), target.digest);
  const here = index.manifests.filter(
    ({ digest, platform }) => platform !== undefined && platform.os !== 'unknown' && catalog.content.has(scope, digest),
  );
  const chosen = new Map<string, Descriptor>();
  for (const wanted of platforms) {
    const found = here.filter(({ platform }) => platform !== undefined && platformEquals(platform, wanted));
    if (found.length === 0) throw absent(wanted);
    for (const each of found) chosen.set(each.digest, each);
  }
  if (chosen.size === here.length) return removeImage(deps, scope, options);
  const removed: Removed[] = [];
  for (const manifest of chosen.values()) {
    const image = await catalog.reader.tryLoad(scope, manifest);
    const imageId = target.digest;
    const runs = (use: ImageUse): boolean => use.manifestDigest === manifest.digest || use.imageId === image?.configDigest;
    const user = options.uses.find((use) => runs(use) && use.running);
    if (user !== undefined) {
      const how = user.running ? 'cannot be forced) - image is being used by running' : 'must be forced) - image is being used by stopped';
      throw conflict(
        `conflict: unable to delete ${imageId.slice('sha256:'.length, 'sha256:'.length + 12)} (${how} container ${user.containerId.slice(0, 12)}`,
      );
    }
    removed.push({ untagged: '', deleted: manifest.digest, imageId });
  }
  await underLease(deps.leases, scope, 'remove', (own) => {
    const gone = index.manifests.flatMap(({ digest, annotations }, at) =>
      chosen.has(digest) || chosen.has(annotations?.[SUBJECT] ?? '') ? [`${REFERENCE}${at}`] : [],
    );
    catalog.content.setLabels(own, target.digest, Object.fromEntries(gone.map((label) => [label, ''])));
    return Promise.resolve();
  });
  await deps.collector.run();
  return removed;
}
