import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CgroupManager } from '@gantry/runtime';
import { tidyGroups } from './cgroups';

test('the parents of all namespaces are tidied, those below another one first', async () => {
  const run = mkdtempSync(join(tmpdir(), 'gantry-tidy-'));
  try {
    for (const name of ['gantry', 'buildkit']) mkdirSync(join(run, 'tasks', name), { recursive: true });
    const tidied: string[] = [];
    await tidyGroups({ tidy: async (path: string) => void tidied.push(path) } as unknown as CgroupManager, run);
    expect(tidied).toEqual(expect.arrayContaining(['/gantry-monitors', '/gantry/buildkit', '/gantry', '/buildkit']));
    expect(tidied.indexOf('/gantry/buildkit')).toBeLessThan(tidied.indexOf('/gantry'));
  } finally {
    rmSync(run, { recursive: true });
  }
});
