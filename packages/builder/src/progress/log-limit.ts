/** How much output of a step is kept: all together, and per second of its life. */
export interface LogLimits {
  readonly size: number;
  readonly perSecond: number;
}

export const logLimits: LogLimits = { size: 2 * 1024 * 1024, perSecond: 200 * 1024 };

/** What is remembered of clipped output, shown when the step fails: its end says why. */
const TAIL = 256 * 1024;

/** Cuts one stream of a step's output down to the limits, with a line that says so. */
export class LogLimit {
  private readonly created = performance.now();
  private size = 0;
  private clipping = false;
  private tail: Buffer[] | undefined;
  private tailSize = 0;

  constructor(private readonly limits: LogLimits = logLimits) {}

  /** What of the data may be shown; may be empty. */
  take(data: Buffer): Buffer {
    const { allowed, reason } = this.allowance();
    const before = this.size;
    this.size += data.length;
    const room = Math.min(data.length, Math.max(0, allowed - before));
    if (room === data.length) {
      this.clipping = false;
      this.remember(data);
      return data;
    }
    this.tail ??= [];
    this.remember(data);
    const shown = data.subarray(0, room);
    if (this.clipping) return shown;
    this.clipping = true;
    return Buffer.concat([shown, Buffer.from(`\n[output clipped, log limit ${reason} reached]\n`)]);
  }

  /** The last part of what was written since output was clipped first; empty when nothing was. */
  rest(): Buffer {
    const all = Buffer.concat(this.tail ?? []);
    this.tail = undefined;
    this.tailSize = 0;
    return all.subarray(Math.max(0, all.length - TAIL));
  }

  private allowance(): { readonly allowed: number; readonly reason: string } {
    const bySpeed = Math.ceil((performance.now() - this.created) / 1000) * this.limits.perSecond;
    return bySpeed <= this.limits.size
      ? { allowed: bySpeed, reason: `${inUnits(this.limits.perSecond)}/s` }
      : { allowed: this.limits.size, reason: inUnits(this.limits.size) };
  }

  private remember(data: Buffer): void {
    if (this.tail === undefined) return;
    this.tail.push(Buffer.from(data));
    this.tailSize += data.length;
    while (this.tailSize - (this.tail[0]?.length ?? 0) >= TAIL) this.tailSize -= this.tail.shift()?.length ?? 0;
  }
}

function inUnits(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const)
    if (bytes >= size) return `${Number((bytes / size).toPrecision(6))}${unit}`;
  return `${bytes}B`;
}
