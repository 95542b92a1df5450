/**
 * One operation at a time for each container, in order of arrival; different containers do not wait for each other.
 * An operation must not enter the queue of another container, nor its own again: so no cycle of waiting can come up.
 */
export class ContainerQueues {
  private readonly tails = new Map<string, Promise<unknown>>();
  /** Ends of what a removal waits for: all but the work that only tidies up. */
  private readonly fronts = new Map<string, Promise<unknown>>();

  async run<T>(id: string, operation: () => Promise<T>): Promise<T> {
    const mine = after(this.tails.get(id), operation);
    keep(this.fronts, id, mine);
    keep(this.tails, id, mine);
    return mine;
  }

  /** Takes its turn, too, but is work that only tidies up: `past` does not wait for it. */
  async behind<T>(id: string, operation: () => Promise<T>): Promise<T> {
    const mine = after(this.tails.get(id), operation);
    keep(this.tails, id, mine);
    return mine;
  }

  /** Takes its turn, but may run beside work that only tidies up. What comes later waits for both. */
  async past<T>(id: string, operation: () => Promise<T>): Promise<T> {
    const mine = after(this.fronts.get(id), operation);
    keep(this.fronts, id, mine);
    keep(this.tails, id, Promise.allSettled([this.tails.get(id), mine]));
    return mine;
  }

  /** Resolves when everything that is queued now has ended. */
  async drain(): Promise<void> {
    await Promise.all(this.tails.values());
  }
}

function after<T>(before: Promise<unknown> | undefined, operation: () => Promise<T>): Promise<T> {
  return (before ?? Promise.resolve()).then(operation, operation);
}

/** The last of a container's work, for as long as it goes on. */
function keep(table: Map<string, Promise<unknown>>, id: string, work: Promise<unknown>): void {
  const tail = work.catch(() => undefined);
  table.set(id, tail);
  void tail.then(() => {
    if (table.get(id) === tail) table.delete(id);
  });
}
