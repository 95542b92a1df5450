/** A mount of a snapshot, as containerd tells it. */
export interface TreeMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}
