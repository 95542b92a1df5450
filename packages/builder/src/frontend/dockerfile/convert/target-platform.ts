import type { ImageConfig } from '@gantry/oci';
import { normalizePlatform } from '../platform';
import type { Conversion } from './conversion';
import { versionOf } from './image';

/** The image says which platform it was built for. */
export function setPlatform({ implicitTarget, target }: Conversion, image: ImageConfig): void {
  if (!implicitTarget) {
    const same = target.os === image.os && target.architecture === image.architecture;
    image.os = target.os;
    image.architecture = target.architecture;
    if (target.variant !== undefined) image.variant = target.variant;
    else if (!same) delete image.variant;
    if (!same) delete image['os.version'];
    Object.assign(image, versionOf(target));
  }
  const { os, architecture, variant } = normalizePlatform(image);
  Object.assign(image, { os: os === '' ? 'linux' : os, architecture });
  if (variant === undefined) delete image.variant;
  else image.variant = variant;
}
