import type { Database } from '../store/database';
import { type Labels, parseLabels } from '../store/labels';
import { nowMicros } from '../store/time';

export interface VolumeRecord {
  readonly name: string;
  readonly labels: Labels;
  readonly options: Labels;
  readonly created: number;
  readonly anonymous: boolean;
}

interface Row {
  name: string;
  labels: string;
  options: string;
  created: number;
  anonymous: number;
}

const toRecord = (row: Row): VolumeRecord => ({
  ...row,
  labels: parseLabels(row.labels),
  options: parseLabels(row.options),
  anonymous: row.anonymous === 1,
});

/** Volumes and who uses them. */
export class VolumeTable {
  constructor(readonly db: Database) {}

  find(name: string): VolumeRecord | undefined {
    const row = this.db.get<Row>('SELECT name, labels, options, created, anonymous FROM volumes WHERE name = ?', name);
    return row && toRecord(row);
  }

  list(): VolumeRecord[] {
    return this.db.all<Row>('SELECT name, labels, options, created, anonymous FROM volumes ORDER BY name').map(toRecord);
  }

  insert(volume: Omit<VolumeRecord, 'created'>): VolumeRecord {
    const created = nowMicros();
    this.db.run(
      'INSERT INTO volumes (name, labels, options, created, anonymous) VALUES (?, ?, ?, ?, ?)',
      volume.name,
      JSON.stringify(volume.labels),
      JSON.stringify(volume.options),
      created,
      volume.anonymous ? 1 : 0,
    );
    return { ...volume, created };
  }

  delete(name: string): void {
    this.db.run('DELETE FROM volumes WHERE name = ?', name);
  }

  users(name: string): string[] {
    return this.db
      .all<{ container: string }>('SELECT container FROM volume_references WHERE name = ? ORDER BY container', name)
      .map(({ container }) => container);
  }

  addUser(name: string, container: string): void {
    this.db.run('INSERT OR IGNORE INTO volume_references (name, container) VALUES (?, ?)', name, container);
  }

  dropUser(name: string, container: string): void {
    this.db.run('DELETE FROM volume_references WHERE name = ? AND container = ?', name, container);
  }
}
