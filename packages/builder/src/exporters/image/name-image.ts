import type { Image } from '@gantry/api/containerd/services/images/v1/images';
import { toTimestamp } from '@gantry/api';
import { danglingName, type Descriptor } from '@gantry/oci';
import { type CallContext, ignore, isErrorOf } from '@gantry/rpc';
import type { Services } from '../../worker/services';

export interface Naming {
  readonly name: string;
  readonly target: Descriptor;
  /** Seconds since 1970 that the image's record is made at. */
  readonly epoch: number | undefined;
  /** What the name led to stays without a name where it has no other. */
  readonly keepReplaced?: boolean;
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
    if (naming.keepReplaced === true && before?.image !== undefined) await keepNameless(images, store, before.image, digest);
    try {
      if (before === undefined) await images.create(store, { image, sourceDateEpoch });
      else await images.update(store, { image, updateMask: undefined, sourceDateEpoch });
      return before?.image?.target?.digest;
    } catch (error) {
      if (!isErrorOf(error, before === undefined ? 'alreadyExists' : 'notFound')) throw error; // else somebody was faster: once more
    }
  }
}

/** Before the name is taken away: nothing may collect the image in between. */
async function keepNameless(images: Services['images'], store: CallContext, { name, target }: Image, successor: string): Promise<void> {
  if (target === undefined || target.digest === successor) return;
  const { images: same } = await images.list(store, { filters: [`target.digest==${target.digest}`] });
  if (same.some((image) => image.name !== name)) return;
  const image: Image = { name: danglingName(target.digest), labels: {}, target, createdAt: undefined, updatedAt: undefined };
  await images.create(store, { image, sourceDateEpoch: undefined }).catch(ignore('alreadyExists'));
}
