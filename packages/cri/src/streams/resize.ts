import type { ProcessStreams } from '@gantry/streaming';
import { type CallContext, errorText } from '@gantry/rpc';
import type { Needs } from '../sandboxes/needs';

/** Gives a terminal the sizes that its client has, until the client goes. A process that ends meanwhile needs none. */
export async function followSizes(
  { services, logger }: Pick<Needs, 'services' | 'logger'>,
  ctx: CallContext,
  process: { readonly containerId: string; readonly execId: string },
  resizes: ProcessStreams['resizes'],
): Promise<void> {
  for await (const { width, height } of resizes)
    await services.tasks.resizePty(ctx, { ...process, width, height }).catch((error: unknown) => {
      logger.debug({ err: error, ...process }, `a terminal was not given its size: ${errorText(error)}`);
    });
}
