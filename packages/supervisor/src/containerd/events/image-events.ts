import { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import type { Envelope } from '@gantry/api/containerd/types/types';
import { type CallContext, type Connection, errorText, isErrorOf, type Logger, newContext, pause } from '@gantry/rpc';

/** Milliseconds between two tries to reach the images service. */
const RETRY_MS = 500;
/** The same when it said that it offers no events: another version may be started in its place. */
const ABSENT_RETRY_MS = 30_000;

/** Takes the events of the images service (images, snapshots, content) over, for as long as it offers them. */
export interface ImageEventSource {
  start(): void;
  stop(): Promise<void>;
}

export function imageEventSource(connection: Connection, logger: Logger, deliver: (envelope: Envelope) => void): ImageEventSource {
  const images = connection.client(EventsService);
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  /** False when the service does not offer events at all. */
  const listenOnce = async (ctx: CallContext): Promise<boolean> => {
    try {
      for await (const envelope of images.subscribe(ctx, { filters: [] }, { waitForReady: true })) deliver(envelope);
    } catch (error) {
      if (isErrorOf(error, 'notImplemented')) return false;
      if (!stopping.signal.aborted) logger.debug(`the stream of image events broke: ${errorText(error)}`);
    }
    return true;
  };
  const listen = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const offered = await listenOnce(newContext({ signal: stopping.signal }));
      if (!offered) logger.debug('the images service offers no events');
      await pause(offered ? RETRY_MS : ABSENT_RETRY_MS, { signal: stopping.signal, ref: false }); // aborted: the loop ends
    }
  };
  return {
    start() {
      running = listen();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
