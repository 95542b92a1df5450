import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { closeStore, damaged, openStore, storeError } from '@gantry/service';
import type { EndpointRecord, NetworkRecord } from './record';

/** Each entry brings the schema one version up; applied in one transaction with the version number. */
const MIGRATIONS = [
  `CREATE TABLE networks (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
   CREATE TABLE endpoints (id TEXT PRIMARY KEY, network_id TEXT NOT NULL REFERENCES networks (id), sandbox_id TEXT NOT NULL, record TEXT NOT NULL,
     UNIQUE (network_id, sandbox_id)) STRICT;
   CREATE TABLE operations (id TEXT PRIMARY KEY, subject TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
   CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
  '-- The same tables; records may name drivers that are plugins, which versions of before would not find.',
  '-- The same tables; records may have subnets and addresses of IPv6, or none of IPv4, which versions of before would not read.',
  '-- The same tables; records may be settings for other networks, and of drivers macvlan and ipvlan, of which versions of before know nothing.',
  '-- The same tables; records may be of driver overlay, whose endpoints others are told of: versions of before would tell nobody.',
];

type Synchronous = 'FULL' | 'NORMAL';

/** Answers to repeated operations are kept this long. */
const OPERATION_LIFE_MS = 24 * 3_600_000;

/**
 * The durable records. Networks and settings are on the disk when the method returns (synchronous=FULL). Endpoints need not outlive a
 * power cut, which ends their namespaces too: they survive the death of this process only (synchronous=NORMAL, no sync). The whole
 * content is also held in memory, so reading costs no query.
 */
export class NetworkStore {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #endpoints = new Map<string, EndpointRecord>();
  #synchronous: Synchronous = 'FULL';

  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    this.#database = openStore({ path, migrations: MIGRATIONS });
    this.#run('DELETE FROM operations WHERE at < ?', Date.now() - OPERATION_LIFE_MS);
    for (const row of this.#all('SELECT id, record FROM networks ORDER BY rowid')) this.#rememberNetwork(this.#parse(row) as NetworkRecord);
    for (const row of this.#all('SELECT id, record FROM endpoints ORDER BY rowid'))
      this.#rememberEndpoint(this.#parse(row) as EndpointRecord);
  }

  networks(): NetworkRecord[] {
    return [...this.#networks.values()];
  }

  network(id: string): NetworkRecord | undefined {
    return this.#networks.get(id);
  }

  endpoints(): EndpointRecord[] {
    return [...this.#endpoints.values()];
  }

  endpoint(id: string): EndpointRecord | undefined {
    return this.#endpoints.get(id);
  }

  endpointsOfNetwork(networkId: string): EndpointRecord[] {
    return this.endpoints().filter((endpoint) => endpoint.networkId === networkId);
  }

  /** In the order of their making. */
  endpointsOfSandbox(sandboxId: string): EndpointRecord[] {
    return this.endpoints()
      .filter((endpoint) => endpoint.sandboxId === sandboxId)
      .sort((a, b) => a.order - b.order);
  }

  /** The id of what the operation made, when it ran already. */
  subjectOf(operationId: string): string | undefined {
    return this.#all('SELECT subject FROM operations WHERE id = ?', operationId)[0]?.['subject'] as string | undefined;
  }

  saveNetwork(record: NetworkRecord, operationId = ''): void {
    this.#transaction(() => {
      this.#run(
        'INSERT INTO networks VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record',
        record.id,
        record.name,
        JSON.stringify(record),
      );
      this.#note(operationId, record.id);
    });
    this.#rememberNetwork(record);
  }

  deleteNetwork(id: string): void {
    this.#transaction(() => this.#run('DELETE FROM networks WHERE id = ?', id));
    this.#networks.delete(id);
  }

  saveEndpoint(record: EndpointRecord, operationId = ''): void {
    this.#transaction(() => {
      this.#run(
        'INSERT INTO endpoints VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record',
        record.id,
        record.networkId,
        record.sandboxId,
        JSON.stringify(record),
      );
      this.#note(operationId, record.id);
    }, 'NORMAL');
    this.#rememberEndpoint(record);
  }

  saveEndpoints(records: readonly EndpointRecord[]): void {
    this.#transaction(() => {
      for (const record of records) this.#run('UPDATE endpoints SET record = ? WHERE id = ?', JSON.stringify(record), record.id);
    }, 'NORMAL');
    for (const record of records) this.#rememberEndpoint(record);
  }

  deleteEndpoints(ids: readonly string[]): void {
    this.#transaction(() => {
      for (const id of ids) this.#run('DELETE FROM endpoints WHERE id = ?', id);
    }, 'NORMAL');
    for (const id of ids) this.#endpoints.delete(id);
  }

  setting(key: string): string | undefined {
    return this.#all('SELECT value FROM settings WHERE key = ?', key)[0]?.['value'] as string | undefined;
  }

  saveSetting(key: string, value: string): void {
    this.#transaction(() =>
      this.#run('INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value', key, value),
    );
  }

  close(): void {
    closeStore(this.#database);
  }

  #rememberNetwork(record: NetworkRecord): void {
    this.#networks.set(record.id, record);
  }

  #rememberEndpoint(record: EndpointRecord): void {
    this.#endpoints.set(record.id, record);
  }

  #note(operationId: string, subject: string): void {
    if (operationId !== '') this.#run('INSERT OR REPLACE INTO operations VALUES (?, ?, ?)', operationId, subject, Date.now());
  }

  #parse(row: Record<string, unknown>): unknown {
    try {
      return JSON.parse(row['record'] as string);
    } catch (error) {
      throw damaged(this.#path, `record ${String(row['id'])} cannot be read`, error);
    }
  }

  #transaction(body: () => void, synchronous: Synchronous = 'FULL'): void {
    try {
      this.#become(synchronous);
      this.#database.exec('BEGIN IMMEDIATE');
      body();
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK'); // a full disk has rolled it back already
      throw storeError(error, this.#path);
    }
  }

  #become(synchronous: Synchronous): void {
    if (this.#synchronous === synchronous) return;
    this.#database.exec(`PRAGMA synchronous = ${synchronous}`);
    this.#synchronous = synchronous;
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run(sql: string, ...values: (string | number)[]): void {
    this.#prepare(sql).run(...values);
  }

  #all(sql: string, ...values: string[]): Record<string, unknown>[] {
    return this.#prepare(sql).all(...values);
  }
}
