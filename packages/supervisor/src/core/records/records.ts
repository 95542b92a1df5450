import { timestampAfter, timestampNow } from '@gantry/api';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { alreadyExists, internal, invalidArgument, notFound } from '@gantry/rpc';
import { type RecordChange, type Records, VIEW_EXTENSION } from './contract';
import type { Database } from './database';
import { openNamespaces } from './namespaces';

interface Row {
  readonly id: string;
  readonly record: Uint8Array;
  /** The view; the column has the name of the first face that had one. */
  readonly docker: Uint8Array | null;
}

/** Records without a view carry null there; with one, it is kept in a column of its own and joined on reading. */
function join(row: Row): Container {
  const container = Container.decode(row.record);
  if (row.docker !== null) container.extensions[VIEW_EXTENSION] = { typeUrl: VIEW_EXTENSION, value: Buffer.from(row.docker) };
  return container;
}

function split(container: Container): { record: Uint8Array; view: Uint8Array | null } {
  const { [VIEW_EXTENSION]: view, ...extensions } = container.extensions;
  return { record: Container.encode({ ...container, extensions }).finish(), view: view?.value ?? null };
}

/** Opens the records of one database; see Records for the contract. */
export function openRecords(db: Database): Records {
  const one = db.sql.prepare('SELECT id, record, docker FROM containers WHERE namespace = ? AND id = ?');
  const all = db.sql.prepare('SELECT id, record, docker FROM containers WHERE namespace = ? ORDER BY seq');
  const named = db.sql.prepare('SELECT id FROM containers WHERE namespace = ? ORDER BY seq');
  const insert = db.sql.prepare(
    'INSERT INTO containers (namespace, id, seq, record, docker) VALUES (?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM containers), ?, ?)',
  );
  const setRecord = db.sql.prepare('UPDATE containers SET record = ? WHERE namespace = ? AND id = ?');
  const setView = db.sql.prepare('UPDATE containers SET docker = ? WHERE namespace = ? AND id = ?');
  const drop = db.sql.prepare('DELETE FROM containers WHERE namespace = ? AND id = ?');
  const listeners = new Set<(change: RecordChange) => void>();

  const tell = (change: RecordChange): void => db.onCommit(() => listeners.forEach((listener) => listener(change)));
  const rows = (namespace: string): Row[] => all.all(namespace) as unknown as Row[];
  const get = (namespace: string, id: string): Container | undefined => {
    const row = one.get(namespace, id) as unknown as Row | undefined;
    return row === undefined ? undefined : join(row);
  };
  const need = (namespace: string, id: string): Container => {
    const container = get(namespace, id);
    if (container === undefined) throw notFound(`container "${id}" in namespace "${namespace}": not found`);
    return container;
  };

  return {
    namespaces: openNamespaces(db),
    views: {
      list: (namespace) => rows(namespace).flatMap(({ id, docker: view }) => (view === null ? [] : [{ id, view }])),
      set(namespace, id, view) {
        const { changes } = setView.run(view, namespace, id);
        if (changes !== 1 && changes !== 1n) throw internal(`container ${id}: its record is gone`);
      },
    },
    get,
    list: (namespace) => rows(namespace).map(join),
    ids: (namespace) => (named.all(namespace) as unknown as { readonly id: string }[]).map(({ id }) => id),
    create(namespace, container, options) {
      if (one.get(namespace, container.id) !== undefined) throw alreadyExists(`container "${container.id}": already exists`);
      const now = timestampNow();
      const made = { ...container, createdAt: now, updatedAt: now };
      db.transaction(() => {
        const { record, view } = split(made);
        insert.run(namespace, made.id, record, view);
        tell({ kind: 'created', namespace, container: made });
      }, options);
      return made;
    },
    update(namespace, id, change) {
      const current = need(namespace, id);
      const changed = change(structuredClone(current));
      if (changed.id !== id) throw invalidArgument(`container "${id}": the id cannot be changed`);
      const { [VIEW_EXTENSION]: _sealed, ...extensions } = changed.extensions;
      const made: Container = { ...changed, createdAt: current.createdAt, updatedAt: timestampAfter(current.updatedAt), extensions };
      db.transaction(() => {
        setRecord.run(Container.encode(made).finish(), namespace, id);
        tell({ kind: 'updated', namespace, container: made });
      });
      return need(namespace, id);
    },
    delete(namespace, id, options) {
      const current = need(namespace, id);
      db.transaction(() => {
        drop.run(namespace, id);
        tell({ kind: 'deleted', namespace, container: current });
      }, options);
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    transaction: (fn, options) => db.transaction(fn, options),
    close: () => db.close(),
  };
}
