import type { Progress } from '@gantry/api/gantry/images/v1/images';

/** A progress line with what is not said left empty. */
export function progress(part: Partial<Progress>): Progress {
  return { id: '', status: '', current: 0n, total: 0n, stream: '', error: '', auxTag: '', auxDigest: '', auxSize: 0n, auxId: '', ...part };
}

/** Passes at most one progress value in `ms` per key on; `flush` passes the last ones. */
export class Throttle<T> {
  private readonly last = new Map<string, number>();

  constructor(
    private readonly pass: (value: T) => void,
    private readonly ms = 100,
  ) {}

  offer(key: string, value: T, final = false): void {
    const now = performance.now();
    if (!final && now - (this.last.get(key) ?? -Infinity) < this.ms) return;
    this.last.set(key, now);
    this.pass(value);
  }
}
