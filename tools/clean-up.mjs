// Removes what a test run that was killed left behind. All that tests make is marked with its owner's process id, as in gantry-test-4711 or
// gantry-e2e-4711-x: in its path, its command line, or its TMPDIR. What belongs to a run that still goes on is not touched.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bundle = join(dirname(fileURLToPath(import.meta.url)), '../dist/lib/gantry/gantry.cjs');
/** The process whose things go though it is still there. */
let ending;
const MARK = /gantry-(?:e2e|test)-(\d+)(?:-|\/|$)/m;

/** @param {{ over?: number }} options over: what the run of this process made goes too, since it is over */
export function cleanUp({ over } = {}) {
  ending = over;
  // Services that watch each other start again what is killed.
  for (let turn = 0; turn < 10 && killAbandoned() > 0; turn++) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  for (const name of abandonedIn(tmpdir())) {
    const folder = join(tmpdir(), name);
    for (const engine of [folder, ...entriesOf(folder).map((entry) => join(folder, entry))]) cleanEngine(engine);
  }
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
    const target = line.split(' ')[4] ?? '';
    if (abandoned(target)) spawnSync('umount', ['-l', target]);
  }
  for (const name of abandonedIn('/run/netns')) spawnSync('ip', ['netns', 'del', name]);
  removeGroups('/sys/fs/cgroup', 0);
  for (const dir of [tmpdir(), '/run', '/dev/shm']) {
    for (const name of abandonedIn(dir)) rmSync(join(dir, name), { recursive: true, force: true });
  }
}

/** The outermost owner decides: a jest whose runner is gone has no owner either. */
function abandoned(text) {
  const owner = MARK.exec(text)?.[1];
  if (owner === undefined) return false;
  if (Number(owner) === ending) return true;
  if (Number(owner) === process.pid) return false;
  try {
    return !/jest|tools\/test\.mjs|tools\/bench\/main\.cjs/.test(readFileSync(`/proc/${owner}/cmdline`, 'utf8'));
  } catch {
    return true;
  }
}

function abandonedIn(dir) {
  return entriesOf(dir).filter(abandoned);
}

/** None of what is not there, or is just going: whoever made it may still be taking it away. */
function entriesOf(dir) {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function killAbandoned() {
  let count = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      // Owners are told by the process ids of this namespace; a run in a container is its own affair.
      if (readlinkSync(`/proc/${pid}/ns/pid`) !== readlinkSync('/proc/self/ns/pid')) continue;
      const place =
        readFileSync(`/proc/${pid}/environ`, 'utf8')
          .split('\0')
          .find((entry) => entry.startsWith('TMPDIR=')) ?? '';
      if (!abandoned(place) && !abandoned(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', '\n'))) continue;
      process.kill(Number(pid), 'SIGKILL');
      count++;
    } catch {
      // it ended meanwhile
    }
  }
  return count;
}

/** The engine's own clean-up knows its containers, which carry no mark. */
function cleanEngine(folder) {
  if (!existsSync(bundle) || !existsSync(join(folder, 'run'))) return;
  spawnSync(process.execPath, [bundle, 'cleanup', '--root', join(folder, 'data'), '--run', join(folder, 'run')], { stdio: 'inherit' });
}

function removeGroups(dir, depth, marked = false) {
  for (const name of entriesOf(dir)) {
    const path = join(dir, name);
    if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) continue;
    const inside = marked || abandoned(name);
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
