import type { ResolveMode } from '../../../llb/write/sources';
import type { ResolveImage } from '../convert/conversion';
import { toWish } from '../platform';
import type { Request } from '../request';

/** Resolves the images that stages are made from. */
export function imageResolver({ bridge, ctx }: Request, mode: ResolveMode): ResolveImage {
  return (reference, platform, logName, other = mode) =>
    bridge.resolveImage(ctx, reference, { platform: toWish(platform), mode: other, logName });
}
