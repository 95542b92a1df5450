import type { LoadRequest, LoadResponse } from '@gantry/api/gantry/images/v1/images';
import { cancelled, type CallContext, type StreamBroker } from '@gantry/rpc';
import { loadArchive, type LoadDependencies, type LoadEvent } from '../archive/load';
import { progress, Throttle } from './progress';
import { platformsOf } from './platforms';
import { Queue } from './queue';

/** The ticket for the archive first, then progress, then each image that was loaded. */
export async function* load(
  deps: LoadDependencies,
  broker: StreamBroker,
  ctx: CallContext,
  request: LoadRequest,
): AsyncGenerator<LoadResponse> {
  const queue = new Queue<LoadResponse>();
  const say = (part: Partial<LoadResponse>): void =>
    queue.push({ ticket: undefined, progress: undefined, imageId: '', familiarName: '', ...part });
  const throttle = new Throttle<LoadResponse['progress']>((line) => say({ progress: line }));
  const report = (event: LoadEvent): void => {
    if (event.kind === 'layer') {
      if (!request.quiet)
        throttle.offer(
          event.id,
          progress({ id: layerName(event.id), status: 'Loading layer', current: BigInt(event.current), total: BigInt(event.total) }),
          event.current === event.total,
        );
    } else if (event.kind === 'renamed') {
      say({
        progress: progress({
          stream: `The image ${event.name} already exists, renaming the old one with ID ${event.imageId} to empty string\n`,
        }),
      });
    } else {
      const line = event.familiarName === '' ? `Loaded image ID: ${event.imageId}\n` : `Loaded image: ${event.familiarName}\n`;
      say({ progress: progress({ stream: line }), imageId: event.imageId, familiarName: event.familiarName });
    }
  };
  const work = new Promise<void>((resolve, reject) => {
    ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error), { once: true });
    const ticket = broker.offer(
      async (socket) => {
        const abort = (): void => void socket.destroy();
        ctx.signal.addEventListener('abort', abort, { once: true });
        try {
          await loadArchive(deps, ctx, socket, { platforms: platformsOf(request.platforms), signal: ctx.signal, report });
          socket.end();
          resolve();
        } catch (error) {
          socket.destroy();
          reject(error as Error);
        } finally {
          ctx.signal.removeEventListener('abort', abort);
        }
      },
      () => reject(cancelled('nobody sent the archive in time')),
    );
    say({ ticket });
  });
  yield* queue.follow(work);
}

/** What progress bars are called: the short form of a digest, or the layer's directory. */
function layerName(path: string): string {
  const hex = /([0-9a-f]{12})[0-9a-f]{52}/.exec(path)?.[1];
  return hex ?? path;
}
