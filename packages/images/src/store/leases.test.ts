import { FLUSH_LABEL, FLUSH_LATER } from '@gantry/api';
import { WatchedDatabase } from '../testing/watched-database';
import { LeaseTable } from './leases';

let db: WatchedDatabase;
beforeEach(() => {
  db = new WatchedDatabase(':memory:');
});
afterEach(() => db.close());

test('who says that the disk can wait is not kept waiting by it; everybody else is', () => {
  const leases = new LeaseTable(db);
  const resource = { type: 'content', id: 'sha256:1' };
  const life = (id: string, labels: Record<string, string>): boolean[] => {
    const scope = { namespace: 'n', lease: id };
    db.waited();
    leases.create(scope, id, labels);
    leases.hold(scope, resource);
    leases.add(scope, id, resource);
    leases.remove(scope, id, resource);
    leases.delete(scope, id);
    return db.waited();
  };
  expect(life('patient', {})).toEqual([true, true, true, true, true]);
  expect(life('hasty', { [FLUSH_LABEL]: FLUSH_LATER })).toEqual([false, false, false, false, false]);
  expect(life('odd', { [FLUSH_LABEL]: 'never' })).toEqual([true, true, true, true, true]);

  leases.create({ namespace: 'n' }, 'hasty', { [FLUSH_LABEL]: FLUSH_LATER });
  expect(leases.durable({ namespace: 'n', lease: 'hasty' })).toBe(false);
  expect(leases.durable({ namespace: 'other', lease: 'hasty' })).toBe(true);
  expect(leases.durable({ namespace: 'n' })).toBe(true);
});
