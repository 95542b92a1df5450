import type { AdoptRequest, ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, isErrorOf, type ServiceClient } from '@gantry/rpc';

/**
 * Looks at an image of docker's, else at the one that a run would take over: by a look nothing is. from: the namespace whose images docker takes over where it has
 * none of that name; empty: of none.
 */
export function looked<T>(ctx: CallContext, from: string, look: (where: CallContext) => Promise<T>): Promise<T> {
  return look(ctx).catch((error: unknown) => instead(error, from, () => look({ ...ctx, namespace: from })));
}

/** Does something with an image of docker's; one that docker does not have and that namespace has is made docker's, too, before. */
export function takenOver<T>(
  images: Pick<ServiceClient<typeof ImagesServiceService>, 'adopt'>,
  ctx: CallContext,
  { wanted, action }: { readonly wanted: AdoptRequest; readonly action: () => Promise<T> },
): Promise<T> {
  return action().catch((error: unknown) =>
    instead(error, wanted.from, async () => {
      await images.adopt(ctx, wanted);
      return action();
    }),
  );
}

/** Errors: the first one where there is no such image elsewhere either. */
async function instead<T>(error: unknown, from: string, other: () => Promise<T>): Promise<T> {
  if (from === '' || !isErrorOf(error, 'notFound')) throw error;
  return other().catch((second: unknown) => {
    throw isErrorOf(second, 'notFound') ? error : second;
  });
}
