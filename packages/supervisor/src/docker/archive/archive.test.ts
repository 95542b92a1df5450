import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { MNT, MS, readMountInfo, syscalls } from '@gantry/linux';
import { resolveInRoot } from '../../core/processes/container-root';
import { findProgram } from '@gantry/native';
import { mountView, removeStrayViews } from './mount-view';
import { copyIntoTree, packTree } from './native-tree';
import { cleanPath, statInRoot } from './stat';

let root: string;
let fd: number | undefined;
const native = findProgram('gantry-native', __dirname) ?? findProgram('gantry-native', join(__dirname, '../..'));
const withNative = native === undefined ? it.skip : it;
if (native === undefined) console.warn('skipped: dist/gantry-native is not built');

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-archive-'));
  for (const name of ['lower/etc', 'lower/run', 'lower/data', 'upper', 'work', 'volume', 'secret', 'views'])
    mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, 'lower/etc/motd'), 'lower\n');
  writeFileSync(join(root, 'volume/v'), 'volume\n');
  writeFileSync(join(root, 'secret/s'), 'host secret\n');
  mkdirSync(join(root, 'lower/var'));
  symlinkSync('/run', join(root, 'lower/var/run'));
  symlinkSync(join(root, 'secret'), join(root, 'lower/evil'));
  symlinkSync('../../../../../../../..', join(root, 'lower/up'));
});
afterEach(() => {
  if (fd !== undefined) closeSync(fd);
  fd = undefined;
  rmSync(root, { recursive: true, force: true });
});

const open = (writable: boolean, volume?: Partial<MountRecord>): number => {
  fd = mountView(
    join(root, 'views'),
    [
      {
        type: 'overlay',
        source: 'overlay',
        target: '',
        options: [`lowerdir=${join(root, 'lower')}`, `upperdir=${join(root, 'upper')}`, `workdir=${join(root, 'work')}`],
      },
    ],
    volume === undefined
      ? []
      : [MountRecord.fromPartial({ type: 'bind', source: join(root, 'volume'), destination: '/data', rw: true, ...volume })],
    writable,
  );
  return fd;
};
const tar = (from: string, ...names: string[]): Buffer => execFileSync('tar', ['-C', from, '-cf', '-', ...names]);
const copy = async (into: string, archive: Buffer, keepKinds = true): Promise<void> => {
  const child = copyIntoTree(native ?? '', fd ?? -1, { into, keepKinds });
  child.stream.end(archive);
  await child.done;
};
const list = async (path: string, name: string): Promise<string[]> => {
  const child = packTree(native ?? '', fd ?? -1, path, name);
  const parts: Buffer[] = [];
  for await (const part of child.stream) parts.push(part as Buffer);
  await child.done;
  return execFileSync('tar', ['-tf', '-'], { input: Buffer.concat(parts) })
    .toString()
    .trim()
    .split('\n');
};

it('leaves no mount behind, and shows layers and volumes', () => {
  const view = open(false, {});
  expect(readMountInfo().some(({ mountPoint }) => mountPoint.startsWith(root))).toBe(false);
  expect(readdirSync(join(root, 'views'))).toEqual([]);
  expect(readFileSync(`/proc/self/fd/${view}/etc/motd`, 'utf8')).toBe('lower\n');
  expect(readFileSync(`/proc/self/fd/${view}/data/v`, 'utf8')).toBe('volume\n');
  expect(() => writeFileSync(`/proc/self/fd/${view}/etc/x`, '')).toThrow('EROFS');
});

it('is no peer of what it shows: what lies below a source stays mounted where mounts are shared', () => {
  // As systemd has it; a mount of its own, so that nothing else is shared that was not.
  const source = join(root, 'volume');
  const below = join(source, 'below');
  syscalls.mount(source, source, '', MS.BIND, null);
  try {
    syscalls.mount(null, source, null, MS.SHARED, null);
    mkdirSync(below);
    syscalls.mount('tmpfs', below, 'tmpfs', 0, null);
    writeFileSync(join(below, 'file'), 'there\n');
    const view = open(false, {});
    expect(readFileSync(`/proc/self/fd/${view}/data/below/file`, 'utf8')).toBe('there\n');
    closeSync(view);
    fd = undefined;
    expect(existsSync(join(below, 'file'))).toBe(true);
  } finally {
    for (const place of [below, source])
      try {
        syscalls.umount2(place, MNT.DETACH);
      } catch {
        // not mounted, or gone with the other
      }
  }
});

it('takes away what a crash left', () => {
  mkdirSync(join(root, 'views/view-old'));
  removeStrayViews(join(root, 'views'));
  expect(readdirSync(join(root, 'views'))).toEqual([]);
});

it('tells about paths without following the last link out of the root', () => {
  const view = open(false);
  expect(statInRoot(view, 'id', '/etc/motd')).toMatchObject({ name: 'motd', size: 6n, mode: 0o644 });
  expect(statInRoot(view, 'id', '/etc/')).toMatchObject({ name: 'etc', mode: 2 ** 31 + 0o755 });
  expect(statInRoot(view, 'id', '/var/run')).toMatchObject({ linkTarget: '/run', mode: 2 ** 27 + 0o777 });
  expect(statInRoot(view, 'id', '/var/run/')).toMatchObject({ mode: 2 ** 31 + 0o755 });
  expect(() => statInRoot(view, 'id', '/evil/s')).toThrow('Could not find the file /evil/s in container id');
  for (const path of ['/etc/motd/', '/etc/motd/.', '/etc/motd/x'])
    expect(() => statInRoot(view, 'id', path)).toThrow(`lstat ${path}: not a directory`);
  expect(statInRoot(view, 'id', '/etc/.')).toMatchObject({ name: '.' });
  expect(cleanPath('a/../b/')).toEqual({ path: '/b', wantsDirectory: true, name: 'b' });
  expect(['/x/.', '.', './', '/./', '/x/.//', '/x/y.', '/'].map((path) => cleanPath(path).name)).toEqual([
    '.',
    '.',
    '.',
    '.',
    '.',
    'y.',
    '/',
  ]);
  const up = resolveInRoot(view, '/up/etc/motd');
  expect(up).toBeDefined();
  if (up !== undefined) closeSync(up);
});

withNative('packs one path under a name', async () => {
  open(false, {});
  expect(await list('/etc', 'etc')).toEqual(['etc/', 'etc/motd']);
  expect(await list('/data/v', 'v')).toEqual(['v']);
  expect(await list('/var/run', 'run')).toEqual(['run']);
  await expect(list('/evil/s', 's')).rejects.toMatchObject({ kind: 'notFound' });
});

withNative('unpacks where links inside the root lead, never outside', async () => {
  writeFileSync(join(root, 'file'), 'new\n');
  open(true, {});
  await copy('/var/run', tar(root, 'file'));
  expect(readFileSync(join(root, 'upper/run/file'), 'utf8')).toBe('new\n');
  await copy('/data', tar(root, 'file'));
  expect(readFileSync(join(root, 'volume/file'), 'utf8')).toBe('new\n');
  await copy('/evil', tar(root, 'file')).catch(() => undefined);
  await copy('/up', tar(root, 'file'));
  expect(existsSync(join(root, 'secret/file'))).toBe(false);
  expect(readFileSync(join(root, 'upper/file'), 'utf8')).toBe('new\n');
  expect(existsSync(`${tmpdir()}/../file`)).toBe(false);
});

withNative('refuses names that climb, and a directory in place of a file', async () => {
  mkdirSync(join(root, 'motd'));
  writeFileSync(join(root, 'file'), 'x');
  open(true);
  await expect(
    copy('/etc', execFileSync('tar', ['-C', root, '-cPf', '-', '--transform', 's,file,../../escape,', 'file'])),
  ).rejects.toMatchObject({ kind: 'invalidArgument' });
  await expect(copy('/etc', tar(root, 'motd'))).rejects.toThrow('cannot overwrite non-directory "motd" with directory "/etc"');
  await expect(copy('/etc', Buffer.from('this is no archive'.repeat(100)))).rejects.toMatchObject({ kind: 'dataLoss' });
});
