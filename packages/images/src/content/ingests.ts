import { notFound } from '@gantry/rpc';
import type { Database } from '../store/database';
import type { Scope } from '../store/namespaced';
import { nowMicros } from '../store/time';

export interface IngestRecord {
  readonly id: number;
  readonly ref: string;
  readonly total: number;
  readonly expected: string;
  readonly started: number;
  readonly updated: number;
}

const COLUMNS = 'id, ref, total, expected, started, updated';

/** Uploads that are under way or were broken off; their bytes lie in the ingest directory under their id. */
export class IngestTable {
  constructor(private readonly db: Database) {}

  find(scope: Scope, ref: string): IngestRecord | undefined {
    return this.db.get<IngestRecord>(`SELECT ${COLUMNS} FROM ingests WHERE ns = ? AND ref = ?`, scope.namespace, ref);
  }

  get(scope: Scope, ref: string): IngestRecord {
    const found = this.find(scope, ref);
    if (found === undefined) throw notFound(`ingest "${ref}": not found`);
    return found;
  }

  list(scope: Scope): IngestRecord[] {
    return this.db.all<IngestRecord>(`SELECT ${COLUMNS} FROM ingests WHERE ns = ? ORDER BY ref`, scope.namespace);
  }

  create(scope: Scope, ref: string, total: number, expected: string): IngestRecord {
    const now = nowMicros();
    const id = this.db.insert(
      'INSERT INTO ingests (ns, ref, total, expected, started, updated) VALUES (?, ?, ?, ?, ?, ?)',
      scope.namespace,
      ref,
      total,
      expected,
      now,
      now,
    );
    return { id, ref, total, expected, started: now, updated: now };
  }

  touch(id: number, updated: number): void {
    this.db.run('UPDATE ingests SET updated = ? WHERE id = ?', updated, id);
  }

  delete(id: number): void {
    this.db.run('DELETE FROM ingests WHERE id = ?', id);
  }
}
