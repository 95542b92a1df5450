/** Which containers were made in a pod, in that order: so that a question about one pod does not read the records of all. The records decide what is there. */
export class Members {
  private readonly pods = new Map<string, Set<string>>();

  add(podId: string, id: string): void {
    const ids = this.pods.get(podId) ?? new Set();
    this.pods.set(podId, ids.add(id));
  }

  remove(podId: string, id: string): void {
    const ids = this.pods.get(podId);
    if (ids?.delete(id) === true && ids.size === 0) this.pods.delete(podId);
  }

  of(podId: string): string[] {
    return [...(this.pods.get(podId) ?? [])];
  }
}
