// Removes what a test run that was killed left behind. Everything that tests make carries the mark `gantry-e2e-` or `gantry-test-`.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bundle = join(dirname(fileURLToPath(import.meta.url)), '../dist/lib/gantry/gantry.cjs');
const MARK = /gantry-(e2e|test)-/;

/** @param {{onlyReport?: boolean}} options with onlyReport nothing is touched (the caller compares snapshots) */
export async function cleanUp({ onlyReport = false } = {}) {
  if (onlyReport) return;
  killMarked();
  // Engines' own clean-up knows their containers, which carry no mark.
  for (const name of readdirSync(tmpdir()).filter((entry) => MARK.test(entry))) {
    const folder = join(tmpdir(), name);
    if (existsSync(bundle) && existsSync(join(folder, 'run/tasks'))) spawnSync(process.execPath, [bundle, 'cleanup', '--root', join(folder, 'data'), '--run', join(folder, 'run')], { stdio: 'inherit' });
  }
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
    const target = line.split(' ')[4] ?? '';
    if (MARK.test(target)) spawnSync('umount', ['-l', target]);
  }
  if (existsSync('/run/netns')) {
    for (const name of readdirSync('/run/netns')) if (MARK.test(name)) execFileSync('ip', ['netns', 'del', name]);
  }
  removeGroups('/sys/fs/cgroup', 0);
  for (const dir of [tmpdir(), '/run', '/dev/shm']) {
    for (const name of readdirSync(dir)) if (MARK.test(name)) rmSync(join(dir, name), { recursive: true, force: true });
  }
}

function killMarked() {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      if (MARK.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it ended meanwhile
    }
  }
}

function removeGroups(dir, depth, marked = false) {
  for (const entry of existsSync(dir) ? readdirSync(dir, { withFileTypes: true }) : []) {
    if (!entry.isDirectory()) continue;
    const path = join(dir, entry.name);
    const inside = marked || MARK.test(entry.name);
    if (depth < 6) removeGroups(path, depth + 1, inside);
    if (!inside) continue;
    try {
      for (const pid of readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
      rmdirSync(path);
    } catch {
      // still busy: reported as left over by the caller's comparison
    }
  }
}
