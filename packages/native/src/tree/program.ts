import { cancelled } from '@gantry/rpc/errors';
import type { TreeRequest } from './request';
import { TreeWorker } from './worker';

const MOST_WORKERS = 4;
/** How long a worker without work is kept. */
const IDLE_MS = 10_000;

/**
 * Work on trees in the C program: a few processes that are kept while there is work and end soon after. Each request is confined to the trees that it names. One
 * whose caller goes away is ended with its process.
 */
export class TreeProgram {
  private readonly idle: TreeWorker[] = [];
  private readonly queue: (() => void)[] = [];
  private busy = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly path: string) {}

  async run(request: TreeRequest, signal: AbortSignal): Promise<Buffer> {
    if (this.busy >= MOST_WORKERS) await new Promise<void>((resolve) => this.queue.push(resolve));
    else this.busy++;
    let worker: TreeWorker | undefined;
    try {
      signal.throwIfAborted();
      worker = this.worker();
      return await this.ask(worker, request, signal);
    } finally {
      if (worker?.alive === true) this.idle.push(worker);
      const next = this.queue.shift();
      if (next !== undefined) next();
      else this.busy--;
      this.retireLater();
    }
  }

  /** Ends what is idle. */
  close(): void {
    clearTimeout(this.timer);
    for (const worker of this.idle.splice(0)) worker.close();
  }

  private async ask(worker: TreeWorker, request: TreeRequest, signal: AbortSignal): Promise<Buffer> {
    const stop = (): void => worker.kill();
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await worker.ask(request.bytes());
    } catch (error) {
      if (signal.aborted) throw signal.reason instanceof Error ? signal.reason : cancelled('the work on a tree was cancelled');
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  private worker(): TreeWorker {
    for (let kept = this.idle.pop(); kept !== undefined; kept = this.idle.pop()) if (kept.alive) return kept;
    return new TreeWorker(this.path);
  }

  private retireLater(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.close(), IDLE_MS);
    this.timer.unref();
  }
}
