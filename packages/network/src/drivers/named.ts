/** One of a kind for each name, made when it is first asked for. */
export class Named<T> {
  readonly #made = new Map<string, T>();

  constructor(private readonly make: (name: string) => T) {}

  get(name: string): T {
    const known = this.#made.get(name) ?? this.make(name);
    this.#made.set(name, known);
    return known;
  }
}
