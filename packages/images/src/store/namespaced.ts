/** What a method of the store needs of a call: namespace, and the lease that new objects are put under. */
export interface Scope {
  readonly namespace: string;
  readonly lease?: string;
  /** Whoever makes new snapshots keeps account of them: they are never collected, and nothing is told of them. */
  readonly kept?: boolean;
}
