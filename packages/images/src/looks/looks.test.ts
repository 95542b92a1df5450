import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MNT, MS, syscalls } from '@gantry/linux';
import { foreignLooks } from '.';

let root: string;
const place = (name: string): string => join(root, name);
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-looks-'));
  for (const name of ['source', 'volume']) mkdirSync(place(name));
  // As systemd has the host's mounts: shared.
  syscalls.mount(place('source'), place('source'), '', MS.BIND, null);
  syscalls.mount(null, place('source'), null, MS.SHARED, null);
  mkdirSync(place('source/below'));
  syscalls.mount('tmpfs', place('source/below'), 'tmpfs', 0, null);
  writeFileSync(place('source/below/file'), '');
});
afterEach(() => {
  for (const name of ['volume', 'source/below', 'source'])
    try {
      syscalls.umount2(place(name), MNT.DETACH);
    } catch {
      // the test took it away
    }
  rmSync(root, { recursive: true, force: true });
});

test('a volume of `o=rbind` takes nothing of its source along when it is unmounted, and sees what is mounted there later', () => {
  foreignLooks.mount(place('source'), place('volume'), null, MS.BIND | MS.REC, null);
  expect(existsSync(place('volume/below/file'))).toBe(true);
  mkdirSync(place('source/later'));
  syscalls.mount('tmpfs', place('source/later'), 'tmpfs', 0, null);
  writeFileSync(place('source/later/file'), '');
  expect(existsSync(place('volume/later/file'))).toBe(true);
  syscalls.umount2(place('volume'), MNT.DETACH);
  expect([existsSync(place('source/below/file')), existsSync(place('source/later/file'))]).toEqual([true, true]);
});
