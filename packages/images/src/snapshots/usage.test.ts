import { linkSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locateProgram } from '@gantry/native';
import { Trees } from './trees';
import { diskUsage } from './usage';

const trees = new Trees(locateProgram('gantry-native', __dirname));
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gi-usage-'));
});
afterEach(() => rmSync(root, { recursive: true }));

test.each([
  [3, false],
  [300, true],
] as const)('a tree of %d files, some with two names, is counted once each (by the program: %s)', async (count, byProgram) => {
  mkdirSync(join(root, 'd'));
  const paths = [root, join(root, 'd'), join(root, 'link')];
  symlinkSync('/nowhere', join(root, 'link'));
  for (let n = 0; n < count; n++) {
    const path = join(root, 'd', `f${n}`);
    writeFileSync(path, 'x'.repeat(n * 50));
    if (n % 3 === 0) linkSync(path, join(root, `twin${n}`));
    paths.push(path);
  }
  const size = paths.reduce((sum, path) => sum + lstatSync(path).blocks * 512, 0);
  let asked = false;
  const large = {
    usage: (path: string) => {
      asked = true;
      return trees.usage(path);
    },
  };
  expect(await diskUsage(root, large)).toEqual({ size, inodes: paths.length });
  expect(asked).toBe(byProgram);
  expect(await trees.usage(root)).toEqual({ size, inodes: paths.length });
  expect(await trees.usage(join(root, 'none'))).toEqual({ size: 0, inodes: 0 });
});
