import { timestampAfter, timestampNow } from '@gantry/api';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { Container as DockerView } from '@gantry/api/gantry/engine/v1/record';
import { alreadyExists, internal, invalidArgument, notFound } from '@gantry/rpc';
import {
  DOCKER_EXTENSION,
  type DockerContainer,
  type DockerRecord,
  type RecordChange,
  type Records,
  type TransactionOptions,
} from './contract';
import { Database } from './database';
import { openNames } from './names';
import { openNamespaces } from './namespaces';

interface Row {
  readonly id: string;
  readonly record: Uint8Array;
  readonly docker: Uint8Array | null;
}

/** Records without a docker view carry null there; with one, the view is kept in a column of its own and joined on reading. */
function join(row: Row): Container {
  const container = Container.decode(row.record);
  if (row.docker !== null) container.extensions[DOCKER_EXTENSION] = { typeUrl: DOCKER_EXTENSION, value: Buffer.from(row.docker) };
  return container;
}

function split(container: Container): { record: Uint8Array; docker: Uint8Array | null } {
  const { [DOCKER_EXTENSION]: docker, ...extensions } = container.extensions;
  return { record: Container.encode({ ...container, extensions }).finish(), docker: docker?.value ?? null };
}

/** Opens (and migrates) the store over one database; see Records for the contract. */
export function openRecordsOn(db: Database, dockerNamespace: string): Records {
  const one = db.sql.prepare('SELECT id, record, docker FROM containers WHERE namespace = ? AND id = ?');
  const all = db.sql.prepare('SELECT id, record, docker FROM containers WHERE namespace = ? ORDER BY seq');
  const insert = db.sql.prepare(
    'INSERT INTO containers (namespace, id, seq, record, docker) VALUES (?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM containers), ?, ?)',
  );
  const setRecord = db.sql.prepare('UPDATE containers SET record = ? WHERE namespace = ? AND id = ?');
  const setDocker = db.sql.prepare('UPDATE containers SET docker = ? WHERE namespace = ? AND id = ?');
  const drop = db.sql.prepare('DELETE FROM containers WHERE namespace = ? AND id = ?');
  const names = openNames(db);
  const namespaces = openNamespaces(db);
  const listeners = new Set<(change: RecordChange) => void>();

  /** Docker's views, decoded once; the order is that of creation. */
  const views = new Map<string, DockerRecord>();
  const byName = new Map<string, string>();
  const remember = (id: string, docker: DockerContainer): DockerRecord => {
    const before = views.get(id);
    if (before !== undefined && before.docker.name !== docker.name && byName.get(before.docker.name) === id)
      byName.delete(before.docker.name);
    const view = { id, docker };
    views.set(id, view);
    byName.set(docker.name, id);
    return view;
  };
  const forget = (id: string): void => {
    const before = views.get(id);
    if (before === undefined) return;
    views.delete(id);
    if (byName.get(before.docker.name) === id) byName.delete(before.docker.name);
  };
  for (const row of all.all(dockerNamespace) as unknown as Row[])
    if (row.docker !== null)
      remember(
        row.id,
        db.read(row.id, () => DockerView.decode(row.docker ?? Buffer.alloc(0))),
      );

  const tell = (change: RecordChange): void => db.onCommit(() => listeners.forEach((listener) => listener(change)));
  const get = (namespace: string, id: string): Container | undefined => {
    const row = one.get(namespace, id) as unknown as Row | undefined;
    return row === undefined ? undefined : join(row);
  };
  const need = (namespace: string, id: string): Container => {
    const container = get(namespace, id);
    if (container === undefined) throw notFound(`container "${id}" in namespace "${namespace}": not found`);
    return container;
  };

  const findDocker = (ref: string): DockerRecord | undefined => {
    const exact = views.get(ref);
    if (exact !== undefined) return exact;
    const named = byName.get(ref.startsWith('/') ? ref.slice(1) : ref);
    if (named !== undefined) return views.get(named);
    if (ref === '' || !/^[0-9a-f]+$/.test(ref)) return undefined;
    const matches = [...views.values()].filter((view) => view.id.startsWith(ref));
    if (matches.length > 1) throw invalidArgument(`Multiple IDs found with provided prefix: ${ref}`);
    return matches[0];
  };

  return {
    dockerNamespace,
    names,
    namespaces,
    get,
    list: (namespace) => (all.all(namespace) as unknown as Row[]).map(join),
    create(namespace, container, options) {
      if (one.get(namespace, container.id) !== undefined) throw alreadyExists(`container "${container.id}": already exists`);
      const now = timestampNow();
      const made = { ...container, createdAt: now, updatedAt: now };
      db.transaction(() => {
        const { record, docker } = split(made);
        insert.run(namespace, made.id, record, docker);
        if (docker !== null && namespace === dockerNamespace) {
          const view = DockerView.decode(docker);
          db.onCommit(() => remember(made.id, view));
        }
        tell({ kind: 'created', namespace, container: made });
      }, options);
      return made;
    },
    update(namespace, id, change) {
      const current = need(namespace, id);
      const changed = change(structuredClone(current));
      if (changed.id !== id) throw invalidArgument(`container "${id}": the id cannot be changed`);
      const { [DOCKER_EXTENSION]: _ours, ...extensions } = changed.extensions;
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
        if (namespace === dockerNamespace) {
          names.release(id);
          db.onCommit(() => forget(id));
        }
        tell({ kind: 'deleted', namespace, container: current });
      }, options);
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getDocker: (id) => views.get(id),
    findDocker,
    requireDocker(ref) {
      const view = findDocker(ref);
      if (view === undefined) throw notFound(`No such container: ${ref}`);
      return view;
    },
    listDocker: () => [...views.values()],
    updateDocker(id, change, options) {
      const current = views.get(id);
      if (current === undefined) throw notFound(`No such container: ${id}`);
      const docker = change(current.docker);
      if (docker === current.docker) return current;
      db.transaction(() => {
        const { changes } = setDocker.run(DockerView.encode(docker).finish(), dockerNamespace, id);
        if (changes !== 1 && changes !== 1n) throw internal(`container ${id}: its record is gone`);
        db.onCommit(() => remember(id, docker));
      }, options);
      return { id, docker };
    },
    transaction: (fn, options?: TransactionOptions) => db.transaction(fn, options),
    close: () => db.close(),
  };
}

/** Opens the store of one supervisor. `file` may be ':memory:' in tests. */
export function openRecords(file: string, dockerNamespace: string): Records {
  return openRecordsOn(new Database(file), dockerNamespace);
}
