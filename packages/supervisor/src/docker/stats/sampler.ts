import { after, type CallContext, newContext, type Timer } from '@gantry/rpc';
import type { Uses } from '../engine';
import { measure, type Measured } from './measure';

type Needs = Uses<{ records: 'dockerNamespace' | 'getDocker'; tasks: 'stats' | 'collect'; logger: true }>;

const INTERVAL_MS = 1000;
/** Two samples nearer to each other than this say little about what was used between them. */
const NEAREST_MS = INTERVAL_MS / 2;

interface Waiter {
  readonly id: string;
  /** Of the clock that does not jump, milliseconds. */
  readonly due: number;
  readonly settle: (measured: Promise<Measured>) => void;
}

/** One stream of samples: they come with every tick for as long as somebody waits for them. */
export interface Watch {
  /** The sample of the next tick; undefined when the signal ends the stream before it. */
  next(): Promise<Measured | undefined>;
  end(): void;
}

/**
 * Samples of all containers that are watched are taken together, once a second: one question to the shim, one look at the machine for all of
 * them. A container that is watched twice is measured once.
 */
export class StatsSampler {
  private readonly waiting = new Set<Waiter>();
  private timer: Timer | undefined;
  private readonly ctx: CallContext;

  constructor(private readonly needs: Needs) {
    this.ctx = newContext({ namespace: needs.records.dockerNamespace, logger: needs.logger });
  }

  watch(id: string, signal: AbortSignal): Watch {
    let leave: (() => void) | undefined;
    const aborted = (): void => leave?.();
    signal.addEventListener('abort', aborted, { once: true });
    return {
      next: () =>
        new Promise((resolve) => {
          if (signal.aborted) return resolve(undefined);
          const waiter: Waiter = { id, due: dueAfter(performance.now()), settle: resolve };
          leave = () => {
            this.waiting.delete(waiter);
            if (this.waiting.size === 0) this.disarm();
            resolve(undefined);
          };
          this.waiting.add(waiter);
          this.arm();
        }),
      end: () => signal.removeEventListener('abort', aborted),
    };
  }

  private arm(): void {
    if (this.timer !== undefined) return;
    const soonest = Math.min(...[...this.waiting].map(({ due }) => due));
    this.timer = after(Math.max(0, soonest - performance.now()), () => this.tick());
  }

  private disarm(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private tick(): void {
    this.timer = undefined;
    const now = performance.now();
    const due = [...this.waiting].filter((waiter) => waiter.due <= now);
    for (const waiter of due) this.waiting.delete(waiter);
    const measured = measure(this.needs, this.ctx, new Set(due.map(({ id }) => id)));
    for (const { id, settle } of due) settle(measured(id));
    if (this.waiting.size > 0) this.arm();
  }
}

/** Ticks are a second apart, for all alike. */
const dueAfter = (now: number): number => Math.ceil((now + NEAREST_MS) / INTERVAL_MS) * INTERVAL_MS;
