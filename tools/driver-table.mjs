// Runs the shim's contract suite on every driver that this machine has, and prints it as a table: a row a driver, a column a case.
// Exits 1 when the rows differ or a case fails.
// Usage: tools/node tools/driver-table.mjs
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dir = mkdtempSync(join(tmpdir(), 'gantry-table-'));
const file = join(dir, 'results.json');
try {
  const args = [
    'node_modules/jest/bin/jest.js',
    '--runInBand',
    '--json',
    '--outputFile',
    file,
    'packages/shim/src/drivers/(native|oci|containerd-shim)\\.test',
  ];
  spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const { testResults } = JSON.parse(readFileSync(file, 'utf8'));
  const drivers = new Map();
  const cases = [];
  for (const { ancestorTitles, title, status } of testResults.flatMap((one) => one.assertionResults)) {
    const driver = ancestorTitles[0].replace(/^driver /, '');
    if (status === 'pending') continue; // not installed: said on stderr
    if (!cases.includes(title)) cases.push(title);
    if (!drivers.has(driver)) drivers.set(driver, new Map());
    drivers.get(driver).set(title, status);
  }
  const short = (driver) => driver.replace(/^.*\//, '');
  const width = Math.max(...[...drivers.keys()].map((driver) => short(driver).length));
  const mark = (status) => (status === 'passed' ? 'ok' : status === undefined ? '-' : 'FAIL').padStart(4);
  console.log(`| ${'driver'.padEnd(width)} |${cases.map((_, index) => ` ${String(index + 1).padStart(4)}`).join(' |')} |`);
  console.log(`|${'-'.repeat(width + 2)}|${cases.map(() => '------').join('|')}|`);
  for (const [driver, results] of drivers)
    console.log(`| ${short(driver).padEnd(width)} |${cases.map((title) => ` ${mark(results.get(title))}`).join(' |')} |`);
  console.log(`\n${cases.map((title, index) => `${String(index + 1).padStart(2)}. ${title}`).join('\n')}`);
  const rows = new Set([...drivers.values()].map((results) => cases.map((title) => results.get(title)).join()));
  const same = rows.size === 1 && [...drivers.values()].every((results) => cases.every((title) => results.get(title) === 'passed'));
  console.log(`\n${drivers.size} drivers, ${cases.length} cases: ${same ? 'all the same' : 'they differ, or a case fails'}`);
  process.exitCode = same ? 0 : 1;
} finally {
  rmSync(dir, { recursive: true });
}
