// A user with ids of the tests' own in /etc/subuid and /etc/subgid, lent for one run. Its name tells whose it is: what a killed run left goes with the next one.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const NAME = 'gantry-test-';
/** Far above what useradd gives, and below 2^31. */
const FIRST = 1_879_048_192;
const SIZE = 65_536;
const SLOTS = (2 ** 31 - FIRST) / SIZE;

/** @returns {string} the user's name; empty where none can be made (not root, no useradd) */
export function lendIds() {
  for (const name of users()) if (!existsSync(`/proc/${name.slice(NAME.length)}`)) returnIds(name);
  if (process.getuid?.() !== 0) return '';
  const name = `${NAME}${process.pid}`;
  const range = freeRange(
    ['/etc/subuid', '/etc/subgid'].map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : '')).join('\n'),
    process.pid,
  );
  if (range === '') return '';
  const made = spawnSync('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', name], { stdio: 'ignore' });
  if (made.status !== 0) return '';
  spawnSync('usermod', ['--add-subuids', range, '--add-subgids', range, name], { stdio: 'inherit' });
  return name;
}

/**
 * A range that no other has: runs at the same time begin to look at different places, so that neither takes what the other is about to.
 * @param {string} taken lines of /etc/subuid and /etc/subgid
 * @param {number} from where to begin
 * @returns {string} FIRST-LAST; empty where all are taken
 */
export function freeRange(taken, from) {
  const ranges = taken.split('\n').flatMap((line) => {
    const [, first, count] = line.split(':');
    return count === undefined ? [] : [{ first: Number(first), end: Number(first) + Number(count) }];
  });
  for (let tries = 0; tries < SLOTS; tries++) {
    const first = FIRST + ((from + tries) % SLOTS) * SIZE;
    if (ranges.every((range) => range.end <= first || first + SIZE <= range.first)) return `${first}-${first + SIZE - 1}`;
  }
  return '';
}

/** @param {string} name what lendIds answered */
export function returnIds(name) {
  if (name !== '') spawnSync('userdel', [name], { stdio: 'ignore' });
}

function users() {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':')[0] ?? '')
    .filter((name) => name.startsWith(NAME));
}
