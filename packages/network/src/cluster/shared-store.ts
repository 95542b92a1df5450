/** A key of the store that engines share, with its value. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Of the last change of the key. */
  readonly revision: bigint;
}

export interface Snapshot {
  readonly entries: readonly Entry[];
  /** Of the store: a watch goes on behind it. */
  readonly revision: bigint;
}

/** What must hold for a transaction to happen. */
export type Condition =
  | { readonly key: string; readonly is: 'there' | 'absent' }
  | { readonly key: string; readonly revision: bigint }
  /** No key begins so. */
  | { readonly prefix: string; readonly is: 'empty' };

export type Change =
  | { readonly put: string; readonly value: string; /** It goes with the engine's lease. */ readonly leased: boolean }
  | { readonly drop: string };

/** A key that changed; without a value it is gone. */
export interface News {
  readonly key: string;
  readonly value?: string;
}

/**
 * A store that several engines reach, with transactions, leases and a watch. Calls fail with an error of any kind when it does not answer; whoever calls says what
 * then.
 */
export interface SharedStore {
  /** What people know it by. */
  readonly name: string;
  /** All below a prefix, as the last writer left it. */
  list(prefix: string): Promise<Snapshot>;
  /** All changes or none; false when a condition did not hold. */
  commit(conditions: readonly Condition[], changes: readonly Change[], lease?: bigint): Promise<boolean>;
  grant(seconds: number): Promise<bigint>;
  /** Keeps a lease once; false when there is none of that id any more. */
  keep(lease: bigint): Promise<boolean>;
  revoke(lease: bigint): Promise<void>;
  /** Every change below a prefix behind a revision, in order, until the signal is aborted (it resolves then) or the watch breaks (it rejects). */
  watch(
    prefix: string,
    after: bigint,
    options: { readonly tell: (news: readonly News[]) => void; readonly signal: AbortSignal },
  ): Promise<void>;
  close(): void;
}
