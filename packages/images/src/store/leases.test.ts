import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FLUSH_LABEL, FLUSH_LATER } from '@gantry/api';
import { Database } from './database';
import { LeaseTable } from './leases';

let folder: string;
let db: Database;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leases-'));
  db = new Database(join(folder, 'a.db'));
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

test('who says that the disk can wait is not kept waiting by it; everybody else is', () => {
  const waits: boolean[] = [];
  const watched = Object.create(db, {
    transaction: {
      value: <T>(fn: () => T, options: { durable?: boolean } = {}): T => {
        waits.push(options.durable ?? true);
        return db.transaction(fn, options);
      },
    },
  }) as Database;
  const leases = new LeaseTable(watched);
  const resource = { type: 'content', id: 'sha256:1' };
  const told = (use: () => void): boolean[] => {
    waits.length = 0;
    use();
    return [...waits];
  };
  const life = (id: string, labels: Record<string, string>) => (): void => {
    const scope = { namespace: 'n', lease: id };
    leases.create(scope, id, labels);
    leases.hold(scope, resource);
    leases.add(scope, id, resource);
    leases.remove(scope, id, resource);
    leases.delete(scope, id);
  };
  expect(told(life('patient', {}))).toEqual([true, true, true, true, true]);
  expect(told(life('hasty', { [FLUSH_LABEL]: FLUSH_LATER }))).toEqual([false, false, false, false, false]);
  expect(told(life('odd', { [FLUSH_LABEL]: 'never' }))).toEqual([true, true, true, true, true]);

  leases.create({ namespace: 'n' }, 'hasty', { [FLUSH_LABEL]: FLUSH_LATER });
  expect(leases.durable({ namespace: 'n', lease: 'hasty' })).toBe(false);
  expect(leases.durable({ namespace: 'other', lease: 'hasty' })).toBe(true);
  expect(leases.durable({ namespace: 'n' })).toBe(true);
});
