/**
 * One operation at a time for each container, in order of arrival; different containers do not wait for each other.
 * An operation must not enter the queue of another container, nor its own again: so no cycle of waiting can come up.
 */
export class ContainerQueues {
  private readonly tails = new Map<string, Promise<unknown>>();

  async run<T>(id: string, operation: () => Promise<T>): Promise<T> {
    const before = this.tails.get(id) ?? Promise.resolve();
    const mine = before.then(operation, operation);
    const tail = mine.catch(() => undefined);
    this.tails.set(id, tail);
    void tail.then(() => {
      if (this.tails.get(id) === tail) this.tails.delete(id);
    });
    return mine;
  }

  /** Resolves when everything that is queued now has ended. */
  async drain(): Promise<void> {
    await Promise.all(this.tails.values());
  }
}
