// A user with ids of the tests' own in /etc/subuid and /etc/subgid, lent for one run. Its name tells whose it is: what a killed run left goes with the next one.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const NAME = 'gantry-test-';
/** Far above what useradd gives, and below 2^31. */
const FIRST = 1_879_048_192;

/** @returns {string} the user's name; empty where none can be made (not root, no useradd) */
export function lendIds() {
  for (const name of users()) if (!existsSync(`/proc/${name.slice(NAME.length)}`)) returnIds(name);
  if (process.getuid?.() !== 0) return '';
  const name = `${NAME}${process.pid}`;
  const range = `${FIRST}-${FIRST + 65_535}`;
  const made = spawnSync('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', name], { stdio: 'ignore' });
  if (made.status !== 0) return '';
  spawnSync('usermod', ['--add-subuids', range, '--add-subgids', range, name], { stdio: 'inherit' });
  return name;
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
