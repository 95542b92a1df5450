import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimMalloc } from '@gantry/linux';

/** What the keeper of spare memory looks at and does. */
export interface MemorySource {
  /** Bytes that the process has of the machine. */
  resident(): number;
  /** Part of the time since the last look that the event loop had work, 0 to 1. */
  busy(): number;
  /** Gives back what nobody needs. Holds the event loop up for as long as a collection takes. */
  giveBack(): void;
}

/** Bytes above the least that was seen which are worth a collection: a sixth of an idle engine. */
const SLACK = 12 << 20;
const IDLE = 0.1;
const LOOK_MS = 5000;
/** Between attempts; it doubles with each that brings little, until work comes. */
const FIRST_MS = 30_000;
const LAST_MS = 3_600_000;

/**
 * Returns the memory of heavy work (a pull, a push, a load) when it is over. Node collects when it needs room, which an idle service never does, and malloc
 * keeps what it once had: without this a service stays as large as its largest hour.
 */
export class SpareMemory {
  private least = Infinity;
  private wait = FIRST_MS;
  private next = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly source: MemorySource = ownMemory()) {}

  start(): void {
    this.least = Math.min(this.least, this.source.resident()); // work may begin before the first look
    this.timer ??= setInterval(() => this.look(performance.now()), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** now: milliseconds of any clock that only goes on. */
  look(now: number): void {
    const { source } = this;
    const busy = source.busy() > IDLE;
    const before = source.resident();
    this.least = Math.min(this.least, before);
    if (busy) {
      this.wait = FIRST_MS;
      this.next = 0;
      return;
    }
    if (now < this.next || before - this.least < SLACK) return;
    source.giveBack();
    const after = source.resident();
    this.least = Math.min(this.least, after);
    this.wait = before - after > SLACK / 4 ? FIRST_MS : Math.min(this.wait * 2, LAST_MS);
    this.next = now + this.wait;
  }
}

type Collect = (how: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void;

function ownMemory(): MemorySource {
  let seen = performance.eventLoopUtilization();
  let collect: Collect | undefined;
  return {
    resident: () => process.memoryUsage.rss(),
    busy() {
      const before = seen;
      seen = performance.eventLoopUtilization();
      return performance.eventLoopUtilization(seen, before).utilization;
    },
    giveBack() {
      collect ??= collector();
      // As when memory runs out: an ordinary collection lets pages be on which a few objects live on, and most of what was used goes with them.
      collect({ type: 'major', flavor: 'last-resort' });
      trimMalloc();
    },
  };
}

/** V8's own function for it, which Node shows only to those who ask by a flag; the process need not have been started with it. */
function collector(): Collect {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}
