import { type Logger, pause } from '@gantry/rpc';
import type { ContainerQueues } from './queue';

/** Milliseconds before a failed try is followed by the next: doubled each time, up to the last. */
const FIRST_MS = 500;
const LAST_MS = 60_000;

/**
 * Work for a container that has to come to its end, however often it fails (a service is down, a device busy): the network of an ended one, its
 * removal. Each try takes a turn in the container's queue, so that what users ask comes in between. Kept in memory: the
 * next process finds the same work in records and journal.
 */
export class Persistence {
  private readonly stopping = new AbortController();
  private readonly waiting = new Set<string>();

  constructor(
    private readonly queues: ContainerQueues,
    private readonly logger: Logger,
  ) {}

  /**
   * Tries until it succeeds, the first time after a pause. A try has to see for itself whether it is still wanted. Wished again while it waits it is done once: what is
   * not the same for each wish of the container's has to be told apart by `which`.
   */
  until(id: string, what: string, attempt: () => Promise<void>, which = ''): void {
    const key = `${what} ${id} ${which}`;
    if (this.waiting.has(key)) return;
    this.waiting.add(key);
    void this.repeat(id, what, attempt).finally(() => this.waiting.delete(key));
  }

  stop(): void {
    this.stopping.abort();
  }

  private async repeat(id: string, what: string, attempt: () => Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    for (let wait = FIRST_MS; await pause(wait, { signal, ref: false }); wait = Math.min(wait * 2, LAST_MS)) {
      try {
        return await this.queues.run(id, attempt);
      } catch (error) {
        this.logger.warn({ err: error, container: id, again: wait * 2 }, `${what} failed; it is tried again`);
      }
    }
  }
}
