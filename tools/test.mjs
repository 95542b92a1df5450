// The test run behind tools/test: every stage's counts, the skips with their reasons, and what was left over on the machine.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { leftovers, takeSnapshot } from '../test-e2e/src/harness/leftovers.ts';
import { cleanUp } from './clean-up.mjs';
import { lendIds, returnIds } from './sub-ids.mjs';
import { alone, filesToTryAgain, verdict } from './verdict.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const has = (flag) => args.includes(flag);
const known = ['--unit', '--e2e', '--all'];
const pattern = args.filter((arg) => !arg.startsWith('--'));
const unknown = args.find((arg) => arg.startsWith('--') && !known.includes(arg));
if (unknown !== undefined) {
  process.stderr.write(`tools/test: unknown option ${unknown}\n`);
  process.exit(2);
}
const node = process.execPath;
// All that tests make lies in here, or is named after it: see clean-up.mjs.
const place = join(tmpdir(), `gantry-test-${process.pid}`);
const results = join(place, 'results');
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const unsteady = [];
const skips = [];

function stage(name, file, argv, env = {}) {
  const start = Date.now();
  process.stdout.write(`\n== ${name}\n`);
  const done = spawnSync(file, argv, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
  const ok = done.status === 0;
  process.stdout.write(`== ${name}: ${ok ? 'ok' : 'FAILED'} in ${((Date.now() - start) / 1000).toFixed(1)} s\n`);
  return ok;
}

function count(name, ok) {
  total[ok ? 'passed' : 'failed']++;
  if (!ok) failures.push(name);
}

function check(name, file, argv = []) {
  count(name, stage(name, file, argv));
}

/** Checks that only read: each has one busy thread, so two rows of them go side by side. What a check says is shown when it has ended. */
async function checkTogether(...rows) {
  await Promise.all(
    rows.map(async (row) => {
      for (const [name, file, argv = []] of row) {
        const start = Date.now();
        const said = [];
        const child = spawn(file, argv, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
        for (const output of [child.stdout, child.stderr]) output.on('data', (bytes) => said.push(bytes));
        const ok = await new Promise((resolve) => child.on('error', () => resolve(false)).on('close', (code) => resolve(code === 0)));
        process.stdout.write(
          `\n== ${name}\n${Buffer.concat(said)}== ${name}: ${ok ? 'ok' : 'FAILED'} in ${((Date.now() - start) / 1000).toFixed(1)} s\n`,
        );
        count(name, ok);
      }
    }),
  );
}

/** The guest's own checks count one by one. */
function guest() {
  const counts = join(root, 'dist/guest/counts');
  rmSync(counts, { force: true });
  const ok = stage('guest', join(root, 'tools/guest'), []);
  const [passed = 0, failed = 0] = existsSync(counts) ? readFileSync(counts, 'utf8').trim().split(' ').map(Number) : [];
  total.passed += passed;
  total.failed += ok ? failed : Math.max(failed, 1);
  if (!ok) failures.push('guest');
}

/** One run of jest: its report, or undefined where it ended without one. */
function runJest(name, roots, extra, files) {
  const out = join(results, `${name.replace(' ', '-')}.json`);
  const program = [join(root, 'node_modules/jest/bin/jest.js'), '--config', join(root, 'jest.config.cjs')];
  const where = ['--roots', ...roots.map((dir) => join(root, dir)), '--json', '--outputFile', out, ...extra];
  const ok = stage(name, node, [...program, ...where, ...files], { TMPDIR: place, GANTRY_TEST_ALL: has('--all') ? '1' : '' });
  return { ok, report: existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : undefined };
}

/** All of a root's tests; a file that failed is tried once more, alone, and named when it passes then (ADR 0369). */
function jest(name, roots, extra = []) {
  const { ok, report } = runJest(name, roots, extra, ['--', ...pattern]);
  const files = ok || report === undefined || has('--all') ? [] : filesToTryAgain(report);
  const second = files.length > 0 ? runJest(`${name} again`, roots, alone(extra), files) : undefined;
  if (report === undefined) {
    total.failed++;
    return;
  }
  const said = verdict(report, second?.report);
  for (const kind of ['passed', 'failed', 'skipped']) total[kind] += said[kind];
  skips.push(...said.skips);
  unsteady.push(...said.unsteady);
  // jest fails a run for reasons that are in no file's result, too: open handles of its own, a worker that died.
  if (said.failed > 0 || !(ok || second?.ok)) failures.push(name, ...said.failures);
}

/** What is left a while after the last test: the kernel takes some things away by itself, on a busy machine much later. */
function leftOver(before) {
  for (let tries = 300; ; tries--) {
    const left = [
      ...leftovers(before, takeSnapshot(['gantry'], place)),
      ...readdirSync(place)
        .filter((name) => name !== 'results')
        .map((name) => `files: ${join(place, name)}`),
    ];
    if (left.length === 0 || tries === 0) return left;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

const start = Date.now();
cleanUp();
mkdirSync(results, { recursive: true });
const before = takeSnapshot(['gantry'], place);
const lent = lendIds();
const every = !has('--unit') && !has('--e2e');
if (every && pattern.length === 0) {
  await checkTogether(
    [['lint', node, ['node_modules/eslint/bin/eslint.js', '.']]],
    [
      ['types', node, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit']],
      ['format', join(root, 'tools/format'), ['--check']],
      ['decisions', node, [join(root, 'tools/adr-index.mjs'), '--check']],
      ['floors', node, ['--test', 'tools/lint.test.mjs', 'tools/sub-ids.test.mjs', 'tools/verdict.test.mjs']],
      ['proto', join(root, 'node_modules/.bin/buf'), ['lint']],
    ],
  );
}
// Forced to exit: a test that fails may leave a call open, and no failure may become a hang; what is left over on the machine is looked for below.
if (every || has('--unit'))
  jest('unit', ['packages'], [`--maxWorkers=${Math.max(2, availableParallelism() - 1)}`, '--forceExit', '--passWithNoTests']);
if (every || has('--e2e')) jest('e2e', ['test-e2e'], ['--runInBand', '--forceExit', '--passWithNoTests']);
if (has('--all')) {
  guest();
  check('bench', join(root, 'tools/bench'));
  for (const suite of ['bookworm', 'trixie']) check(`fresh ${suite}`, join(root, 'tools/fresh'), [suite]);
}

returnIds(lent);
process.stdout.write('\n');
const left = leftOver(before);
if (left.length > 0) {
  total.failed++;
  failures.push(...left.map((line) => `left over on the machine: ${line}`));
} else {
  total.passed++;
  process.stdout.write('nothing was left over: no mount, namespace, cgroup, link, nft table, process or file\n');
}
if (left.length > 0) cleanUp({ over: process.pid });
rmSync(place, { recursive: true, force: true });
const lacks = (process.env.GANTRY_TEST_LACKS ?? '').split('; ').filter(Boolean);
if (lacks.length > 0) process.stdout.write(`this Debian does not have, so it is not tested: ${lacks.join('; ')}\n`);
for (const name of skips) process.stdout.write(`skipped: ${name}\n`);
for (const name of unsteady) process.stdout.write(`unsteady, passed on its second try: ${name}\n`);
for (const name of failures) process.stdout.write(`failed: ${name}\n`);
process.stdout.write(
  `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped in ${Math.round((Date.now() - start) / 1000)} s\n`,
);
process.exitCode = total.failed > 0 || failures.length > 0 ? 1 : 0;
