import { alreadyExists, failedPrecondition, notFound } from '@gantry/rpc';
import type { Namespace, Namespaces } from './contract';
import type { Database } from './database';

interface Row {
  readonly name: string;
  readonly labels: string;
}

const fromRow = (row: Row): Namespace => ({ name: row.name, labels: JSON.parse(row.labels) as Record<string, string> });

export function openNamespaces(db: Database): Namespaces {
  const one = db.sql.prepare('SELECT name, labels FROM namespaces WHERE name = ?');
  const all = db.sql.prepare('SELECT name, labels FROM namespaces ORDER BY name');
  const put = db.sql.prepare(
    'INSERT INTO namespaces (name, labels) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET labels = excluded.labels',
  );
  const drop = db.sql.prepare('DELETE FROM namespaces WHERE name = ?');
  const used = (['containers', 'sandboxes'] as const).map((what) => ({
    what,
    any: db.sql.prepare(`SELECT 1 FROM ${what} WHERE namespace = ? LIMIT 1`),
  }));

  const get = (name: string): Namespace | undefined => {
    const row = one.get(name) as Row | undefined;
    return row === undefined ? undefined : fromRow(row);
  };
  return {
    get,
    list: () => (all.all() as unknown as Row[]).map(fromRow),
    create(name, labels) {
      if (get(name) !== undefined) throw alreadyExists(`namespace "${name}": already exists`);
      db.transaction(() => put.run(name, JSON.stringify(labels)));
      return { name, labels };
    },
    setLabels(name, labels) {
      if (get(name) === undefined) throw notFound(`namespace "${name}": not found`);
      db.transaction(() => put.run(name, JSON.stringify(labels)));
      return { name, labels };
    },
    delete(name) {
      if (get(name) === undefined) throw notFound(`namespace "${name}": not found`);
      db.transaction(() => {
        const left = used.find(({ any }) => any.get(name) !== undefined);
        if (left !== undefined) throw failedPrecondition(`namespace "${name}" must be empty, but it still has ${left.what}`);
        drop.run(name);
      });
    },
  };
}
