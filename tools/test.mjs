// The test run behind tools/test: every stage's counts, the skips with their reasons, and what was left over on the machine.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { leftovers, takeSnapshot } from '../test-e2e/src/harness/leftovers.ts';
import { cleanUp } from './clean-up.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const has = (flag) => args.includes(flag);
const pattern = args.filter((arg) => !arg.startsWith('--'));
const node = process.execPath;
const results = mkdtempSync(join(tmpdir(), 'test-results-'));
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

function stage(name, file, argv) {
  const start = Date.now();
  process.stdout.write(`\n== ${name}\n`);
  const done = spawnSync(file, argv, { cwd: root, stdio: 'inherit', env: { ...process.env, GANTRY_TEST_ALL: has('--all') ? '1' : '' } });
  const ok = done.status === 0;
  process.stdout.write(`== ${name}: ${ok ? 'ok' : 'FAILED'} in ${((Date.now() - start) / 1000).toFixed(1)} s\n`);
  if (!ok) failures.push(name);
  return ok;
}

function check(name, file, argv) {
  total[stage(name, file, argv) ? 'passed' : 'failed']++;
}

function jest(name, roots, extra = []) {
  const out = join(results, `${name}.json`);
  stage(name, node, [join(root, 'node_modules/jest/bin/jest.js'), '--config', join(root, 'jest.config.cjs'), '--roots', ...roots.map((dir) => join(root, dir)), '--json', '--outputFile', out, '--testLocationInResults', ...extra, ...pattern]);
  if (!existsSync(out)) {
    total.failed++;
    return;
  }
  const report = JSON.parse(readFileSync(out, 'utf8'));
  total.passed += report.numPassedTests;
  total.failed += report.numFailedTests + report.numRuntimeErrorTestSuites;
  total.skipped += report.numPendingTests + report.numTodoTests;
  for (const suite of report.testResults) {
    for (const test of suite.assertionResults) {
      if (test.status === 'pending') process.stdout.write(`skipped: ${test.fullName}\n`);
    }
  }
}

await cleanUp();
const before = takeSnapshot();
const every = !has('--unit') && !has('--e2e');
if (every && pattern.length === 0) {
  check('types', node, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit']);
  check('lint', node, ['node_modules/eslint/bin/eslint.js', '.']);
  check('floors', node, ['--test', 'tools/lint.test.mjs']);
  check('proto', join(root, 'node_modules/.bin/buf'), ['lint']);
}
if (every || has('--unit')) jest('unit', ['packages', ...readdirSync(join(root, 'tools')).includes('src') ? ['tools'] : []]);
if (every || has('--e2e')) jest('e2e', ['test-e2e'], ['--runInBand']);

await cleanUp({ onlyReport: true });
const left = leftovers(before, takeSnapshot());
if (left.length > 0) {
  total.failed++;
  process.stdout.write(`\nleft over on the machine:\n${left.map((line) => `  ${line}\n`).join('')}`);
} else {
  total.passed++;
  process.stdout.write('\nnothing was left over: no mount, namespace, cgroup, link, nft table, process or file\n');
}
rmSync(results, { recursive: true, force: true });
if (failures.length > 0) process.stdout.write(`failed stages: ${failures.join(', ')}\n`);
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed > 0 || failures.length > 0 ? 1 : 0;
