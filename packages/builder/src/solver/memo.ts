/** A value that is worked out once. What failed, or is still under way, can be forgotten; what succeeded stays. */
export class Memo<T> {
  private promise: Promise<T> | undefined;
  private done = false;
  private result: T | undefined;

  get(make: () => Promise<T>): Promise<T> {
    if (this.promise !== undefined) return this.promise;
    const promise = make();
    this.promise = promise;
    promise.then(
      (result) => {
        if (this.promise !== promise) return;
        this.done = true;
        this.result = result;
      },
      () => undefined,
    );
    return promise;
  }

  /** Undefined until it was worked out. */
  get value(): T | undefined {
    return this.result;
  }

  get pending(): Promise<T> | undefined {
    return this.done ? undefined : this.promise;
  }

  forgetUndone(): void {
    if (!this.done) this.promise = undefined;
  }
}
