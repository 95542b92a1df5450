import type { Image } from '@gantry/api/containerd/services/images/v1/images';
import { toTimestamp } from '@gantry/api';
import type { Descriptor } from '@gantry/oci';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { Services } from '../../worker/services';

export interface Naming {
  readonly name: string;
  readonly target: Descriptor;
  /** Seconds since 1970 that the image's record is made at. */
  readonly epoch: number | undefined;
}

/** Lets a name lead to an image from now on. The target that it led to before. */
export async function nameImage(
  { images, inStore }: Pick<Services, 'images' | 'inStore'>,
  ctx: CallContext,
  naming: Naming,
): Promise<string | undefined> {
  const store = inStore(ctx);
  const { mediaType, digest, size, annotations = {} } = naming.target;
  const image: Image = {
    name: naming.name,
    labels: {},
    target: { mediaType, digest, size: BigInt(size), annotations: { ...annotations } },
    createdAt: undefined,
    updatedAt: undefined,
  };
  const sourceDateEpoch = naming.epoch === undefined ? undefined : toTimestamp(new Date(naming.epoch * 1000));
  for (;;) {
    const before = await images.get(store, { name: naming.name }).catch((error: unknown) => {
      if (isErrorOf(error, 'notFound')) return undefined;
      throw error;
    });
    try {
      if (before === undefined) await images.create(store, { image, sourceDateEpoch });
      else await images.update(store, { image, updateMask: undefined, sourceDateEpoch });
      return before?.image?.target?.digest;
    } catch (error) {
      if (!isErrorOf(error, before === undefined ? 'alreadyExists' : 'notFound')) throw error; // else somebody was faster: once more
    }
  }
}
