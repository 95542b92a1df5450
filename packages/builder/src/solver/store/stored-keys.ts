import type { Store } from '../../store';
import type { KeyStore, LinkAt, StoredResult } from '../key-store';

/** A key that is to be linked: one of an input of the step. */
export interface InputKey {
  readonly id: number;
  readonly input: number;
  readonly selector: string;
}

/** How a key came to be, for a cache that is exported. */
export interface Backlink extends InputKey {
  readonly digest: string;
}

/** The builder's own keys, in its database. Every change is one transaction; a power cut may cost the last of them, which are made again by the next build. */
export class StoredKeys implements KeyStore {
  readonly name = 'local';

  constructor(private readonly store: Store) {}

  root(digest: string, output: number): number | undefined {
    return this.store.get<{ id: number }>('SELECT id FROM keys WHERE digest = ? AND output = ? AND root = 1', digest, output)?.id;
  }

  knows(digest: string): boolean {
    return this.store.get('SELECT 1 FROM keys WHERE digest = ? LIMIT 1', digest) !== undefined;
  }

  follow(from: number, { digest, output, input, selector }: LinkAt): readonly number[] {
    const sql = 'SELECT key FROM links WHERE source = ? AND digest = ? AND output = ? AND input = ? AND selector = ?';
    return this.store.all<{ key: number }>(sql, from, digest, output, input, selector).map(({ key }) => key);
  }

  results(key: number): readonly StoredResult[] {
    return this.store.all<StoredResult>('SELECT ref AS id, created FROM results WHERE key = ? ORDER BY created DESC', key);
  }

  /** What a key stands for. */
  describe(key: number): { readonly digest: string; readonly output: number; readonly root: boolean } | undefined {
    const row = this.store.get<{ digest: string; output: number; root: number }>('SELECT digest, output, root FROM keys WHERE id = ?', key);
    return row && { ...row, root: row.root === 1 };
  }

  /** The keys that lead to a key. */
  backlinks(key: number): readonly Backlink[] {
    return this.store.all<Backlink>('SELECT source AS id, digest, input, selector FROM links WHERE key = ? ORDER BY input, source', key);
  }

  /** The keys stay: steps at work may know them by their numbers. */
  drop(key: number, result: StoredResult): void {
    this.transaction(() => this.store.run('DELETE FROM results WHERE key = ? AND ref = ?', key, result.id));
  }

  /** Before any step is at work: drops the results whose trees are not there any more, and keys that lead to nothing, with those that led to them alone. */
  sweep(alive: (ref: string) => boolean): void {
    const useless =
      'SELECT id FROM keys WHERE NOT EXISTS (SELECT 1 FROM results WHERE key = id) AND NOT EXISTS (SELECT 1 FROM links WHERE source = id)';
    this.transaction(() => {
      for (const { ref } of this.store.all<{ ref: string }>("SELECT DISTINCT ref FROM results WHERE ref <> ''"))
        if (!alive(ref)) this.store.run('DELETE FROM results WHERE ref = ?', ref);
      this.prune(this.store.all<{ id: number }>(useless).map(({ id }) => id));
    });
  }

  /** Runs changes in one transaction; joined when one is open. */
  transaction<T>(change: () => T): T {
    return this.store.transaction(change, { durable: false });
  }

  /** Within a transaction: the root key of a digest, made when it is not there. */
  makeRoot(digest: string, output: number): number {
    return this.root(digest, output) ?? this.store.insert('INSERT INTO keys (digest, output, root) VALUES (?, ?, 1)', digest, output);
  }

  /** Within a transaction: a key of its own. */
  makeKey(digest: string, output: number): number {
    return this.store.insert('INSERT INTO keys (digest, output, root) VALUES (?, ?, 0)', digest, output);
  }

  /** Within a transaction: from now on the inputs' keys lead to the key. */
  link(key: number, digest: string, output: number, inputs: readonly InputKey[]): void {
    const sql = 'INSERT OR IGNORE INTO links (source, digest, output, input, selector, key) VALUES (?, ?, ?, ?, ?, ?)';
    for (const { id, input, selector } of inputs) if (id !== key) this.store.run(sql, id, digest, output, input, selector, key);
  }

  /** Within a transaction: the key leads to the tree. */
  addResult(key: number, ref: string, created: number): void {
    const sql = 'INSERT INTO results (key, ref, created) VALUES (?, ?, ?) ON CONFLICT (key, ref) DO UPDATE SET created = excluded.created';
    this.store.run(sql, key, ref, created);
  }

  /** Takes keys away that lead to nothing, and those that led to them alone. */
  private prune(keys: readonly number[]): void {
    const useful = 'SELECT 1 WHERE EXISTS (SELECT 1 FROM results WHERE key = ?1) OR EXISTS (SELECT 1 FROM links WHERE source = ?1)';
    const stack = [...keys];
    for (let key = stack.pop(); key !== undefined; key = stack.pop()) {
      if (this.store.get(useful, key) !== undefined) continue;
      stack.push(...this.store.all<{ source: number }>('SELECT DISTINCT source FROM links WHERE key = ?', key).map(({ source }) => source));
      this.store.run('DELETE FROM links WHERE key = ?', key);
      this.store.run('DELETE FROM keys WHERE id = ?', key);
    }
  }
}
