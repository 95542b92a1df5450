import type { Database } from '../store/database';
import { type Labels, parseLabels } from '../store/labels';
import { nowMicros } from '../store/time';

export interface VolumeRecord {
  readonly name: string;
  readonly labels: Labels;
  readonly options: Labels;
  readonly created: number;
  readonly anonymous: boolean;
  /** `local`, or the plugin that keeps it. */
  readonly driver: string;
  /** `global` for what a plugin has on all hosts. */
  readonly scope: string;
  /** Of a plugin's volume: where it was mounted last. */
  readonly mountpoint: string;
}

interface Row {
  name: string;
  labels: string;
  options: string;
  created: number;
  anonymous: number;
  driver: string;
  scope: string;
  mountpoint: string;
}

const COLUMNS = 'name, labels, options, created, anonymous, driver, scope, mountpoint';

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
    const row = this.db.get<Row>(`SELECT ${COLUMNS} FROM volumes WHERE name = ?`, name);
    return row && toRecord(row);
  }

  list(): VolumeRecord[] {
    return this.db.all<Row>(`SELECT ${COLUMNS} FROM volumes ORDER BY name`).map(toRecord);
  }

  insert(volume: Omit<VolumeRecord, 'created'>): VolumeRecord {
    const created = nowMicros();
    this.db.run(
      `INSERT INTO volumes (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      volume.name,
      JSON.stringify(volume.labels),
      JSON.stringify(volume.options),
      created,
      volume.anonymous ? 1 : 0,
      volume.driver,
      volume.scope,
      volume.mountpoint,
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

  /** A plugin has mounted the volume for the container. */
  noteMounted(name: string, container: string, mountpoint: string): void {
    this.db.transaction(() => {
      this.db.run('UPDATE volumes SET mountpoint = ? WHERE name = ?', mountpoint, name);
      this.addUser(name, container);
      this.db.run('UPDATE volume_references SET mounted = 1 WHERE name = ? AND container = ?', name, container);
    });
  }

  noteUnmounted(name: string, container: string): void {
    this.db.run('UPDATE volume_references SET mounted = 0 WHERE name = ? AND container = ?', name, container);
  }

  isMounted(name: string, container: string): boolean {
    const row = this.db.get<{ mounted: number }>('SELECT mounted FROM volume_references WHERE name = ? AND container = ?', name, container);
    return row?.mounted === 1;
  }
}
