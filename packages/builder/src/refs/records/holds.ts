import type { Ref } from '../ref';

/** Who holds which record, in this process: a restart ends every hold. */
export class Holds {
  private readonly counts = new Map<string, number>();

  constructor(private readonly ended: (id: string) => void) {}

  isHeld(id: string): boolean {
    return this.counts.has(id);
  }

  take(id: string): Ref {
    this.counts.set(id, (this.counts.get(id) ?? 0) + 1);
    let held = true;
    return {
      id,
      clone: () => this.take(id),
      release: () => {
        if (!held) return;
        held = false;
        const left = (this.counts.get(id) ?? 1) - 1;
        if (left > 0) this.counts.set(id, left);
        else {
          this.counts.delete(id);
          this.ended(id);
        }
      },
    };
  }
}
