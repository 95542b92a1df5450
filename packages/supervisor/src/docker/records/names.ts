import { conflict } from '@gantry/rpc';
import type { Names } from './contract';
import type { Database } from '../../core/records';

export function openNames(db: Database): Names {
  const find = db.sql.prepare('SELECT container_id FROM names WHERE name = ?');
  const insert = db.sql.prepare('INSERT INTO names (name, container_id) VALUES (?, ?)');
  const remove = db.sql.prepare('DELETE FROM names WHERE container_id = ?');

  const removeOne = db.sql.prepare('DELETE FROM names WHERE name = ? AND container_id = ?');

  const holder = (name: string): string | undefined => (find.get(name) as { container_id: string } | undefined)?.container_id;
  return {
    holder,
    reserve(name, id) {
      db.transaction(() => {
        const present = holder(name);
        if (present === id) return;
        if (present !== undefined) {
          throw conflict(
            `Conflict. The container name "/${name}" is already in use by container "${present}". You have to remove (or rename) that container to be able to reuse that name.`,
            { meta: { id: present } },
          );
        }
        insert.run(name, id);
      });
    },
    release(id) {
      remove.run(id);
    },
    releaseName(name, id) {
      removeOne.run(name, id);
    },
  };
}
