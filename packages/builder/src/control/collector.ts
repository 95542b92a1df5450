import { after, errorText, type Logger, newContext, type Timer } from '@gantry/rpc';
import type { PruneWish, Refs } from '../refs/ref';

/** After a build, and between two collections, milliseconds. */
const SOON_MS = 1000;
const APART_MS = 60_000;

/** Prunes by the rules when builds are over, not more often than once a minute. */
export class Collector {
  private timer: Timer | undefined;
  private last = -Infinity;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly refs: Pick<Refs, 'prune'>,
    private readonly rules: () => readonly PruneWish[],
    private readonly logger: Logger,
  ) {}

  soon(): void {
    if (this.timer !== undefined || this.stopping.signal.aborted || this.rules().length === 0) return;
    const wait = Math.max(SOON_MS, this.last + APART_MS - performance.now());
    this.timer = after(
      wait,
      () => {
        this.timer = undefined;
        this.last = performance.now();
        this.running = this.collect();
      },
      { ref: false },
    );
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.timer?.cancel();
    await this.running;
  }

  private async collect(): Promise<void> {
    let size = 0;
    try {
      await this.refs.prune(newContext({ signal: this.stopping.signal, logger: this.logger }), this.rules(), (record) => {
        size += record.size;
      });
      if (size > 0) this.logger.info({ bytes: size }, 'the build cache was collected');
    } catch (error) {
      if (!this.stopping.signal.aborted) this.logger.warn({ err: error }, `the build cache could not be collected: ${errorText(error)}`);
    }
  }
}
