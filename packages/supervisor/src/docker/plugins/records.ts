import { familiarString, tryReference, withDefaultTag } from '@gantry/oci';
import { conflict, invalidArgument, notFound } from '@gantry/rpc';
import type { Database } from '../../core/records';
import type { PluginRecord } from './record';

const ID = /^[a-f0-9]{64}$/;

/** Records of managed plugins. */
export interface PluginRecords {
  list(): readonly PluginRecord[];
  find(id: string): PluginRecord | undefined;
  /** By name, name with tag, id or the beginning of an id. Throws notFound, invalidArgument where the beginning is that of several. */
  require(ref: string): PluginRecord;
  /** Throws conflict when there is one of this name. */
  checkName(name: string): void;
  /** Throws conflict when there is one of this name. */
  insert(record: PluginRecord): void;
  /** Throws notFound. */
  change(id: string, change: (record: PluginRecord) => PluginRecord): PluginRecord;
  remove(id: string): void;
}

/** Opens the plugins of one database. */
export function openPluginRecords(db: Database): PluginRecords {
  const all = db.sql.prepare('SELECT id, record FROM plugins ORDER BY name');
  const put = db.sql.prepare(
    'INSERT INTO plugins (id, name, record) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record',
  );
  const drop = db.sql.prepare('DELETE FROM plugins WHERE id = ?');
  const save = (record: PluginRecord): void => void put.run(record.id, record.name, JSON.stringify(record));

  const list = (): PluginRecord[] =>
    (all.all() as unknown as { id: string; record: string }[]).map(({ id, record }) =>
      db.read(id, () => JSON.parse(record) as PluginRecord),
    );
  const checkName = (name: string): void => {
    if (list().some((record) => record.name === name)) throw conflict(`plugin ${name} already exists`);
  };
  const find = (id: string): PluginRecord | undefined => list().find((record) => record.id === id);

  return {
    list,
    find,
    checkName,
    require(ref) {
      const records = list();
      const reference = ID.test(ref) ? undefined : tryReference(ref);
      const name = reference === undefined || reference.digest !== undefined ? undefined : familiarString(withDefaultTag(reference));
      const named = records.find((record) => record.name === name || record.id === ref);
      if (named !== undefined) return named;
      const begun = name === undefined ? [] : records.filter(({ id }) => id.startsWith(ref));
      if (begun.length > 1) throw invalidArgument(`multiple plugins found for ${JSON.stringify(ref)}`);
      if (begun[0] === undefined) throw notFound(`plugin ${JSON.stringify(ref)} not found`);
      return begun[0];
    },
    insert(record) {
      db.transaction(() => {
        checkName(record.name);
        save(record);
      });
    },
    change(id, change) {
      return db.transaction(() => {
        const found = find(id);
        if (found === undefined) throw notFound(`plugin ${JSON.stringify(id)} not found`);
        const changed = change(found);
        save(changed);
        return changed;
      });
    },
    remove: (id) => void db.transaction(() => drop.run(id)),
  };
}
