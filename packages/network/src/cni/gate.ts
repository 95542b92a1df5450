/** Many at a time, or one alone: whoever wants to be alone waits for those before it, and those behind it wait for it. */
export class Gate {
  #tail: Promise<unknown> = Promise.resolve();
  #shared = new Set<Promise<unknown>>();

  shared<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    const settled: Promise<unknown> = result.catch(() => undefined).then(() => this.#shared.delete(settled));
    this.#shared.add(settled);
    return result;
  }

  alone<T>(task: () => Promise<T>): Promise<T> {
    const before = [this.#tail, ...this.#shared];
    const result = Promise.all(before).then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
