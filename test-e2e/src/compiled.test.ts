import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundles, command, pinnedNode } from './harness';

/** Programs that a start compiles nothing of: their names. */
const programs = readdirSync(bundles).flatMap((name) => /^(.*)\.program\.cjs$/.exec(name)?.[1] ?? []);

/** What Node says of the compile cache while a program tells its version. */
async function told(folder: string, name: string): Promise<string> {
  const { stdout, stderr } = await command(pinnedNode, [join(folder, `${name}.cjs`), '--version'], {
    env: { ...process.env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
  });
  return stdout + stderr;
}

test.each(programs)('%s starts with the code that was laid down beside it', async (name) => {
  expect(await told(bundles, name)).toMatch(new RegExp(`${name}\\.program\\.cjs was accepted`));
});

test('also where the tree was installed elsewhere', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-e2e-tree-'));
  try {
    for (const name of ['gantryd.cjs', 'gantryd.program.cjs', 'compiled'])
      cpSync(join(bundles, name), join(folder, name), { recursive: true });
    expect(await told(folder, 'gantryd')).toMatch(/gantryd\.program\.cjs was accepted/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
