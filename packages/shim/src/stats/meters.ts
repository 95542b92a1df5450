import type { CgroupManager, CgroupMeter, CgroupPlan, CgroupStats } from '@gantry/runtime';

/** Whoever watches a task asks every second or two. */
const IDLE_MS = 5000;
/** Tasks whose files are kept open at once, some twenty of each. Of more, each sample opens and closes them. */
const MOST = 256;

/** A meter for each task whose stats are asked for again and again. `T` is the task itself: one that is made anew has another cgroup under the same path. */
export class Meters<T extends object> {
  private readonly kept = new Map<T, { readonly meter: CgroupMeter; asked: number }>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly cgroups: Pick<CgroupManager, 'meter'>,
    private readonly most = MOST,
  ) {}

  stats(task: T, cgroup: CgroupPlan): CgroupStats {
    const found = this.kept.get(task);
    if (found !== undefined) {
      found.asked = performance.now();
      return found.meter.stats();
    }
    const meter = this.cgroups.meter(cgroup);
    let keep = false;
    try {
      const stats = meter.stats();
      keep = this.kept.size < this.most;
      return stats;
    } finally {
      if (keep) this.keep(task, meter);
      else meter.close();
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    for (const { meter } of this.kept.values()) meter.close();
    this.kept.clear();
  }

  private keep(task: T, meter: CgroupMeter): void {
    this.kept.set(task, { meter, asked: performance.now() });
    this.timer ??= setInterval(() => this.sweep(), IDLE_MS).unref();
  }

  /** A task that has ended is asked no more: its files go with those that nobody looks at. */
  private sweep(): void {
    const now = performance.now();
    for (const [task, { meter, asked }] of this.kept) {
      if (now - asked < IDLE_MS) continue;
      this.kept.delete(task);
      meter.close();
    }
    if (this.kept.size === 0) this.close();
  }
}
