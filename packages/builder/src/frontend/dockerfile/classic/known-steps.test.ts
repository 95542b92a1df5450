import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBuildStore } from '../../../store';
import { classicTables, classicTrees, StoredSteps } from './known-steps';

test('steps of a store from before they knew their tree are found', () => {
  const folder = mkdtempSync(join(tmpdir(), 'steps-'));
  try {
    const path = join(folder, 'build.db');
    const before = openBuildStore(path, [classicTables]);
    before.run("INSERT INTO classic_steps (id, created, image) VALUES ('step', '2026-11-30T10:00:00Z', 'sha256:1')");
    before.close();
    const store = openBuildStore(path, [classicTables], [classicTrees]);
    const steps = new StoredSteps(store);
    steps.put('step', { created: '2026-11-30T11:00:00Z', image: 'sha256:2', tree: 'sha256:t' });
    expect(steps.find('step')).toEqual([
      { created: '2026-11-30T11:00:00Z', image: 'sha256:2', tree: 'sha256:t' },
      { created: '2026-11-30T10:00:00Z', image: 'sha256:1', tree: '' },
    ]);
    expect(steps.trees(['sha256:1', 'sha256:2'])).toEqual(['sha256:t']);
    store.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
