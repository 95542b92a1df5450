/** How long a task may take from `start` to Create, milliseconds. */
const EXPECT_MS = 120_000;

/**
 * Whether the shim still has something to do: tasks, and tasks that a `start` has announced. A Shutdown ends it only when there is neither, so
 * that the order to leave, which containerd gives after every task's end, ends nothing of others.
 */
export class Tenancy {
  private readonly expected = new Map<string, NodeJS.Timeout>();
  private over = false;

  constructor(
    private readonly tasks: () => number,
    private readonly leave: () => void,
  ) {}

  /** False when the shim is leaving already. */
  expect(namespace: string, id: string): boolean {
    if (this.over) return false;
    this.met(namespace, id);
    this.expected.set(
      `${namespace}/${id}`,
      setTimeout(() => {
        this.met(namespace, id);
        this.look();
      }, EXPECT_MS),
    );
    return true;
  }

  /** It was created, or will not be. */
  met(namespace: string, id: string): void {
    clearTimeout(this.expected.get(`${namespace}/${id}`));
    this.expected.delete(`${namespace}/${id}`);
  }

  /** Leaves when nothing is left. */
  look(): void {
    if (this.over || this.expected.size > 0 || this.tasks() > 0) return;
    this.over = true;
    this.leave();
  }

  get leaving(): boolean {
    return this.over;
  }

  stop(): void {
    for (const timer of this.expected.values()) clearTimeout(timer);
    this.expected.clear();
  }
}
