import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { syscalls } from '@gantry/linux';
import { nativeBinary } from '../testing/engine';
import { tarOf, type TestEntry } from '../testing/tar';
import { NativeTree } from './native';

let dir: string;
let root: string;
const native = (budget = { maxBytes: 1 << 30, maxEntries: 100_000 }): NativeTree => new NativeTree(nativeBinary(), budget, tmpdir());

async function lay(entries: readonly TestEntry[] | Buffer, options: { overlay?: boolean; tree?: NativeTree } = {}) {
  const extraction = (options.tree ?? native()).extract(root, options.overlay ?? true);
  extraction.input.end(Buffer.isBuffer(entries) ? entries : await tarOf(entries as TestEntry[]));
  return extraction.done;
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'untar-'));
  root = join(dir, 'root');
  mkdirSync(root);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the end of an archive', () => {
  const file: TestEntry = { name: 'f', body: 'x'.repeat(100) };

  test.each([
    ['behind the last byte of the last file', 512 + 100],
    ['inside its last block', 512 + 300],
    ['behind its last block', 1024],
    ['behind one empty block', 1024 + 512],
    ['behind two', 1024 + 1024],
  ])('may be %s', async (_what, length) => {
    await lay((await tarOf([file])).subarray(0, length));
    expect(readFileSync(join(root, 'f'), 'utf8')).toHaveLength(100);
  });

  test.each([
    ['in a file', [file], 512 + 99],
    ['in a header', [file, { name: 'g', body: '' }], 1024 + 100],
    ['in the second empty block', [file], 1024 + 1023],
  ])('is not %s', async (_what, entries, length) => {
    await expect(lay((await tarOf(entries)).subarray(0, length))).rejects.toMatchObject({ kind: 'dataLoss' });
  });
});

describe('attack 27: names and links that lead outside', () => {
  test.each([
    ['a name with ..', [{ name: '../evil', body: 'x' }]],
    ['a name with .. inside', [{ name: 'a/../../evil', body: 'x' }]],
    ['a hard link to ..', [{ name: 'h', type: 'link' as const, linkname: '../secret' }]],
    ['a whiteout of ..', [{ name: '.wh...', body: '' }]],
    ['a whiteout of nothing', [{ name: 'd/.wh.', body: '' }]],
  ])('%s is refused', async (_what, entries) => {
    writeFileSync(join(dir, 'secret'), 'host');
    await expect(lay(entries)).rejects.toMatchObject({ kind: expect.stringMatching(/invalidArgument/) as string });
    expect(existsSync(join(dir, 'evil'))).toBe(false);
    expect(readFileSync(join(dir, 'secret'), 'utf8')).toBe('host');
  });

  test('an absolute name lands inside the root', async () => {
    await lay([{ name: `${dir}/evil`, body: 'x' }]);
    expect(existsSync(join(dir, 'evil'))).toBe(false);
    expect(readFileSync(join(root, dir, 'evil'), 'utf8')).toBe('x');
  });

  test('a write through a symlink stays inside the root', async () => {
    mkdirSync(join(dir, 'outside'));
    for (const target of [`${dir}/outside`, '../outside', '../../../../../../../../../../etc']) {
      await lay([
        { name: 'link', type: 'symlink', linkname: target },
        { name: 'link/evil', body: 'x' },
      ]).catch(() => undefined);
    }
    expect(readdirSync(join(dir, 'outside'))).toEqual([]);
    expect(existsSync('/etc/evil')).toBe(false);
  });

  test('a link inside the root is followed, as merged /usr needs it', async () => {
    await lay([
      { name: 'usr/lib', type: 'directory' },
      { name: 'lib', type: 'symlink', linkname: '/usr/lib' },
      { name: 'lib/x', body: 'x' },
    ]);
    expect(readFileSync(join(root, 'usr/lib/x'), 'utf8')).toBe('x');
  });

  test('a hard link through a symlink to the host is refused', async () => {
    writeFileSync(join(dir, 'secret'), 'host');
    await expect(
      lay([
        { name: 'd', type: 'symlink', linkname: dir },
        { name: 'h', type: 'link', linkname: 'd/secret' },
      ]),
    ).rejects.toThrow(/hard link h/);
  });

  test('a file replaces a symlink instead of writing through it', async () => {
    writeFileSync(join(dir, 'secret'), 'host');
    await lay([
      { name: 'f', type: 'symlink', linkname: join(dir, 'secret') },
      { name: 'f', body: 'new' },
    ]);
    expect(readFileSync(join(dir, 'secret'), 'utf8')).toBe('host');
    expect(lstatSync(join(root, 'f')).isFile()).toBe(true);
  });
});

describe('attack 28: malformed entries', () => {
  test('a device number out of range is an error', async () => {
    await expect(lay([{ name: 'dev', type: 'character-device', devmajor: 0o7777777, devminor: 0 }])).rejects.toThrow(/device number/);
  });

  test('a truncated archive is an error', async () => {
    const whole = await tarOf([{ name: 'f', body: 'x'.repeat(5000) }]);
    await expect(lay(whole.subarray(0, 3000))).rejects.toMatchObject({ kind: 'dataLoss' });
  });

  test('something that is no archive is an error', async () => {
    await expect(lay(Buffer.from('x'.repeat(4096)))).rejects.toMatchObject({ kind: 'dataLoss' });
  });

  test('duplicate entries: the last one counts; a whiteout does not hide what its own layer brings', async () => {
    await lay([
      { name: 'f', body: 'old' },
      { name: 'f', body: 'new' },
      { name: 'd/x', body: 'x' },
      { name: '.wh.f', body: '' },
      { name: '.wh.d', body: '' },
    ]);
    expect(readFileSync(join(root, 'f'), 'utf8')).toBe('new');
    expect(syscalls.lgetxattr(join(root, 'd'), 'trusted.overlay.opaque')?.toString()).toBe('y');
  });

  test('overlayfs attributes of the archive are not taken', async () => {
    await lay([{ name: 'd', type: 'directory', pax: { 'SCHILY.xattr.trusted.overlay.redirect': '/etc', 'SCHILY.xattr.user.kept': 'v' } }]);
    expect(syscalls.llistxattr(join(root, 'd'))).toEqual(['user.kept']);
  });
});

describe('attack 29: budgets', () => {
  test('bytes', async () => {
    await expect(
      lay([{ name: 'f', body: Buffer.alloc(100_000) }], { tree: native({ maxBytes: 50_000, maxEntries: 10 }) }),
    ).rejects.toMatchObject({ kind: 'resourceExhausted' });
  });

  test('entries', async () => {
    const many = Array.from({ length: 20 }, (_, at) => ({ name: `f${at}`, body: '' }));
    await expect(lay(many, { tree: native({ maxBytes: 1 << 20, maxEntries: 10 }) })).rejects.toMatchObject({ kind: 'resourceExhausted' });
  });
});

test('a file that cannot be laid out whole says why, in words and not in its own bytes', async () => {
  const path = join(dir, 'layer');
  const tar = await tarOf([{ name: 'f', body: 'x'.repeat(5000) }]);
  writeFileSync(path, tar.subarray(0, 3000));
  await expect(native().lay(root, true, { path, size: 3000, gzip: false })).rejects.toMatchObject({
    kind: 'dataLoss',
    message: expect.stringMatching(/^[\x20-\x7e]+$/) as string,
  });
});

test('whiteouts: overlayfs form and plain form', async () => {
  await lay([
    { name: 'd', type: 'directory' },
    { name: 'd/.wh..wh..opq', body: '' },
    { name: '.wh.gone', body: '' },
  ]);
  const gone = lstatSync(join(root, 'gone'));
  expect(gone.isCharacterDevice() && gone.rdev === 0).toBe(true);
  expect(syscalls.lgetxattr(join(root, 'd'), 'trusted.overlay.opaque')?.toString()).toBe('y');

  await rm(root, { recursive: true });
  mkdirSync(join(root, 'd/sub'), { recursive: true });
  writeFileSync(join(root, 'gone'), '');
  await lay(
    [
      { name: 'd/kept', body: 'k' },
      { name: 'd/.wh..wh..opq', body: '' },
      { name: '.wh.gone', body: '' },
    ],
    { overlay: false },
  );
  expect(readdirSync(root)).toEqual(['d']);
  expect(readdirSync(join(root, 'd'))).toEqual(['kept']);
});

test('implied directories take the attributes of the layer below', async () => {
  const below = join(dir, 'below');
  mkdirSync(join(below, 'tmp'), { recursive: true });
  execFileSync('chmod', ['1777', join(below, 'tmp')]);
  const tree = native();
  const laid = await lay([{ name: 'tmp/x', body: 'x' }], { tree });
  expect([...laid.implicit].sort()).toEqual(['.', 'tmp']);
  await tree.adopt(root, laid.implicit, [below]);
  expect(lstatSync(join(root, 'tmp')).mode & 0o7777).toBe(0o1777);
});

test('a tree with everything in it is the same as GNU tar unpacks it, and survives pack and extract', async () => {
  const source = join(dir, 'source');
  mkdirSync(join(source, 'deep/größe'), { recursive: true });
  const script = `
    cd ${source}; echo data > f; chmod 4755 f; ln f hard; ln -s ../../etc/passwd sym; mkfifo fifo; mknod dev c 5 1; mknod blk b 7 3
    truncate -s 1M sparse; printf end >> sparse; echo u > huge; chown 4000000000:3000000000 huge; touch -d '2001-02-03 04:05:06.789' f deep
    echo l > "deep/größe/$(printf 'n%.0s' $(seq 200))"; mkdir sticky; chmod 1777 sticky; chmod 2755 deep`;
  execFileSync('sh', ['-c', script]);
  syscalls.lsetxattr(join(source, 'f'), 'user.note', Buffer.from('a\0b'));
  syscalls.lsetxattr(join(source, 'hard'), 'security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex'));
  const expected = join(dir, 'expected');
  mkdirSync(expected);
  const archive = execFileSync('tar', ['--xattrs', '--xattrs-include=*', '--sparse', '--format=pax', '-C', source, '-cf', '-', '.'], {
    maxBuffer: 1 << 26,
  });
  execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-xpf', '-', '-C', expected], { input: archive });
  await lay(archive, { overlay: false });
  expect(listing(root)).toEqual(listing(expected));

  await rm(root, { recursive: true });
  mkdirSync(root);
  await lay(archive, { overlay: true });
  expect(listing(root)).toEqual(listing(expected));

  const again = join(dir, 'again');
  mkdirSync(again);
  const tree = native();
  const packing = tree.pack(root);
  const extraction = tree.extract(again, false);
  packing.output.pipe(extraction.input);
  await Promise.all([packing.done, extraction.done]);
  // A plain root is not named in a layer, as containerd's are not: its time is the only thing lost.
  expect(listing(again).slice(1)).toEqual(listing(expected).slice(1));
  expect(lstatSync(again).mode).toBe(lstatSync(expected).mode);
});

/** Everything that makes a tree what it is. */
function listing(top: string): string[] {
  return ['', ...(readdirSync(top, { recursive: true }) as string[])].sort().map((name) => {
    const path = join(top, name);
    const s = lstatSync(path, { bigint: true });
    const xattrs = syscalls
      .llistxattr(path)
      .sort()
      .map((key) => `${key}=${syscalls.lgetxattr(path, key)?.toString('hex') ?? ''}`);
    const content = s.isFile() ? readFileSync(path).toString('base64').slice(-64) : s.isSymbolicLink() ? readlinkSync(path) : '';
    return [
      name,
      s.mode.toString(8),
      s.uid,
      s.gid,
      s.isDirectory() ? '' : s.size,
      s.isDirectory() ? '' : s.nlink,
      s.rdev,
      s.mtimeNs,
      xattrs.join(','),
      content,
    ].join(' ');
  });
}

test('a small archive that is read only after its program ended is complete', async () => {
  writeFileSync(join(root, 'kept'), 'x');
  const packing = native().pack(root);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const parts: Buffer[] = [];
  for await (const part of packing.output) parts.push(part as Buffer);
  await packing.done;
  expect(Buffer.concat(parts).includes('kept')).toBe(true);
});
