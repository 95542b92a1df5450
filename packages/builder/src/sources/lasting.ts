/** What was found once stays; what failed, or was cut short because its build was cancelled, is looked for anew by the next build that asks. */
export class Lasting<T> {
  private found: Promise<T> | undefined;

  get(find: () => Promise<T>): Promise<T> {
    const found = (this.found ??= find());
    found.catch(() => {
      if (this.found === found) this.found = undefined;
    });
    return found;
  }
}
