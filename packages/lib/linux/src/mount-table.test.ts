import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { syscalls } from './linux-syscalls';
import { MountTable } from './mount-table';

const MNT_DETACH = 2;

let dir: string;
let derived: string[];
let table: MountTable<boolean>;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mount-table-'));
  derived = [];
  table = new MountTable((text) => {
    derived.push(text);
    return text.includes(` ${dir} `);
  });
});
afterEach(() => {
  table.close();
  try {
    syscalls.umount2(dir, MNT_DETACH);
  } catch {
    // the test took it away
  }
  rmdirSync(dir);
});

test('each mount and each removal of one is seen at once', () => {
  expect(table.value()).toBe(false);
  syscalls.mount('none', dir, 'tmpfs', 0, '');
  expect(table.value()).toBe(true);
  syscalls.umount2(dir, 0);
  expect(table.value()).toBe(false);
});

test('what did not change is not read again', () => {
  // Others may mount meanwhile, each of which is read for, but not all the time.
  for (let i = 0; i < 1000; i++) table.value();
  expect(derived.length).toBeGreaterThan(0);
  expect(derived.length).toBeLessThan(500);
});

test('a table that takes many readings is read whole', () => {
  for (let i = 0; i < 60; i++) syscalls.mount('none', dir, 'tmpfs', 0, '');
  try {
    expect(table.value()).toBe(true);
    expect(derived.at(-1)?.split(` ${dir} `)).toHaveLength(61);
  } finally {
    for (let i = 0; i < 60; i++) syscalls.umount2(dir, MNT_DETACH);
  }
  expect(table.value()).toBe(false);
});

test('where there is no such file that is told, each time', () => {
  const none = new MountTable(() => true, join(dir, 'none'));
  expect(() => none.value()).toThrow('ENOENT');
  expect(() => none.value()).toThrow('ENOENT');
});
