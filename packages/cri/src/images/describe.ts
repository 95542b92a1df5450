import type { Image } from '@gantry/api/runtime/v1/api';
import { configOf, type KnownImage } from './catalog';

/** An image as kubelet is told of it. */
export function describeImage(image: KnownImage): Image {
  return {
    id: image.id,
    repoTags: [...image.tags],
    repoDigests: [...image.digests],
    size: image.stored.contentSize,
    ...userOf(configOf(image).config?.User ?? ''),
    spec: undefined,
    pinned: image.pinned,
  };
}

/** Whom the image says to run as: a number, or a name that only its own files explain. A group says nothing here. */
export function userOf(user: string): Pick<Image, 'uid' | 'username'> {
  const [name = ''] = user.split(':');
  return /^[0-9]+$/.test(name) ? { uid: { value: BigInt(name) }, username: '' } : { uid: undefined, username: name };
}
