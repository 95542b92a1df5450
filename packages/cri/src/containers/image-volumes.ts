import { realpath } from 'node:fs/promises';
import { isAbsolute, join, posix } from 'node:path';
import type { Mount } from '@gantry/api/runtime/v1/api';
import { type CallContext, errorText, ignore, notFound } from '@gantry/rpc';
import { hasCode } from '@gantry/linux';
import { unknown } from '../failures';
import { findKnown, listKnown } from '../images/catalog';
import type { Needs } from '../sandboxes/needs';
import { mappedMounts, type PodIds } from '../sandboxes/userns';

/** The snapshot that shows an image's files to a container, and the mount of it on the host: by one name. */
export interface ImageVolume {
  readonly snapshotter: string;
  readonly key: string;
  /** Digest of the image's configuration. */
  readonly imageId: string;
}

type VolumeNeeds = { readonly services: Pick<Needs['services'], 'images' | 'imageStore' | 'snapshots' | 'mounts'> };

/** Mounts the images that a container mounts, read-only, and tells where. `made` is what there is to be taken away, also of a call that fails. */
export async function layImageVolumes(
  needs: VolumeNeeds,
  ctx: CallContext,
  {
    id,
    mounts,
    ids,
    made,
  }: { readonly id: string; readonly mounts: readonly Mount[]; readonly ids: PodIds | undefined; readonly made: ImageVolume[] },
): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>();
  const asked = mounts.filter(({ image }) => image !== undefined);
  const known = asked.length === 0 ? [] : await listKnown(needs.services, ctx);
  for (const mount of asked) {
    const wanted = mount.image?.image ?? '';
    const image = findKnown(known, wanted);
    if (image === undefined) throw notFound(`image volume mount failed: failed to resolve image "${wanted}": not found`);
    const { snapshotter, chainId: parent } = image.stored;
    const key = `${id}-image-${made.length}`;
    made.push({ snapshotter, key, imageId: image.id });
    const view = await needs.services.snapshots.view(ctx, { snapshotter, key, parent, labels: {} });
    const { info } = await needs.services.mounts.activate(ctx, {
      name: key,
      mounts: mappedMounts(view.mounts, ids),
      labels: {},
      temporary: true,
    });
    const root = info?.active.at(-1)?.mountPoint ?? '';
    paths.set(posix.normalize(posix.join('/', mount.containerPath)), await within(root, mount.imageSubPath));
  }
  return paths;
}

/** Unmounts them and takes their snapshots away. What is gone already is fine. */
export async function removeImageVolumes(needs: VolumeNeeds, ctx: CallContext, volumes: readonly ImageVolume[]): Promise<void> {
  for (const { snapshotter, key } of volumes) {
    await needs.services.mounts.deactivate(ctx, { name: key }).catch(ignore('notFound'));
    await needs.services.snapshots.remove(ctx, { snapshotter, key }).catch(ignore('notFound'));
  }
}

/** A path of the image's: links lead nowhere else. */
async function within(root: string, subPath: string): Promise<string> {
  if (subPath === '') return root;
  const wrong = (why: string): Error => unknown(`image volume mount failed: image_sub_path "${subPath}" ${why}`);
  if (isAbsolute(subPath) || subPath.split('/').includes('..')) throw wrong('is not a path within the image');
  const found = await realpath(join(root, subPath)).catch((error: unknown) => {
    throw hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR') ? wrong('is not in the image') : wrong(errorText(error));
  });
  if (found !== root && !found.startsWith(`${root}/`)) throw wrong('leads outside of the image');
  return found;
}
