import { lstat, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { locateProgram, TreeProgram, TreeRequest } from '@gantry/native';
import { LocalRig } from './testing/local-rig';
import { folder, type SentFile } from './testing/sender';

describe.each(['messages', 'held'] as const)('contents by way of: %s', (way) => {
  let rig: LocalRig;
  const bring = (...wish: Parameters<LocalRig['bring']>): ReturnType<LocalRig['bring']> => rig.bring(...wish);

  beforeEach(async () => {
    rig = await LocalRig.make(way);
  });
  afterEach(() => rig.close());

  const some: readonly SentFile[] = [
    { path: 'Dockerfile', content: 'FROM scratch' },
    folder('a', { modTime: 5n * 10n ** 9n }),
    { path: 'a/big', content: Buffer.alloc(300_000, 7), stat: { mode: 0o600, uid: 3, gid: 4 } },
    { path: 'a/dead', stat: { mode: 2 ** 27 + 0o777, linkname: '/nowhere' } },
    { path: 'a/run', content: 'x', stat: { mode: 2 ** 23 + 0o755 } },
    { path: 'a/twin', content: 'x', stat: { mode: 2 ** 23 + 0o755, linkname: 'a/run' } },
    folder('a.d'),
    { path: 'a.d/ü', content: '' },
  ];

  test('a folder comes whole, with modes, owners, times and links', async () => {
    const { path, sender } = await bring(some, { 'local.excludepatterns': '["x","ü"]', 'local.includepattern': '["a b"]' });
    expect(sender.asked).toEqual(['Dockerfile', 'a/big', 'a/run', 'a.d/ü']);
    expect(rig.metadata).toEqual({
      'dir-name': ['context'],
      'include-patterns': ['a b'],
      'exclude-patterns': ['x', '%C3%BC'],
      'exclude-patterns-encoded': ['1'],
    });
    expect(await readFile(join(path, 'Dockerfile'), 'utf8')).toBe('FROM scratch');
    const big = await stat(join(path, 'a/big'));
    expect([big.size, big.mode & 0o7777, big.uid, big.gid, (await stat(join(path, 'a/big'), { bigint: true })).mtimeNs]).toEqual([
      300_000,
      0o600,
      3,
      4,
      1_700_000_000_123_456_789n,
    ]);
    expect((await stat(join(path, 'a'))).mtimeMs).toBe(5000);
    expect(await readlink(join(path, 'a/dead'))).toBe('/nowhere');
    const [run, twin] = await Promise.all(['run', 'twin'].map((name) => stat(join(path, 'a', name))));
    expect([run?.ino, (run?.mode ?? 0) & 0o7777]).toEqual([twin?.ino, 0o4755]);
  });

  describe('the checksum of a folder', () => {
    const program = new TreeProgram(locateProgram('gantry-native', __dirname));
    afterAll(() => program.close());
    const ask = async (request: TreeRequest): Promise<string> => (await program.run(request, new AbortController().signal)).toString('hex');
    const list = (): string => [...rig.trees.lists.values()].at(-1) ?? '';
    const byList = (): Promise<string> => ask(new TreeRequest('C').text(list()));
    const byLook = (path: string, from = '/', known = ''): Promise<string> => {
      const mounts = [{ type: 'bind', source: path, options: ['rbind', 'ro'] }];
      return ask(
        new TreeRequest('D').mounts(mounts).text(from).number(false).number(false).texts([]).texts([]).texts([]).text(known).text(''),
      );
    };
    const clear = [
      ...some.filter(({ path }) => path !== 'a/twin'),
      folder('b'),
      folder('b/c', { mode: 2 ** 31 + 2 ** 20 + 0o777, gid: 5 }),
      { path: 'b/c/empty' },
      { path: 'b/c!', content: 'after' },
      { path: 'b.x', content: 'last', stat: { uid: 7 } },
    ].sort((a, b) => (a.path.replaceAll('/', '\0') < b.path.replaceAll('/', '\0') ? -1 : 1));

    test('comes out of its list as it comes from a look at the tree', async () => {
      const { path } = await bring(clear);
      expect(await byList()).toBe(await byLook(path));
      const changed = await bring(
        clear.map((file) => (file.path === 'b/c!' ? { ...file, content: 'other', stat: { modTime: 3n } } : file)),
      );
      expect(await byList()).toBe(await byLook(changed.path));
      expect(await byLook(changed.path)).not.toBe(await byLook(path));
    });

    test('does not, where the list does not tell it all, or is gone', async () => {
      await bring(some);
      expect(await byList()).toBe('');
      await bring([{ path: 'x', stat: { xattrs: { 'user.x': Buffer.from('y') } } }], { 'local.sharedkeyhint': 'other' });
      expect(await byList()).toBe('');
      await rm(list());
      expect(await byList()).toBe('');
    });

    test('of a part takes the contents that the list has without a look at them', async () => {
      const { path } = await bring(clear);
      const before = await byLook(path, '/b', list());
      expect(before).toBe(await byLook(path, '/b'));
      await writeFile(join(path, 'b/c!'), 'AFTER');
      expect(await byLook(path, '/b', list())).toBe(before);
      expect(await byLook(path, '/b')).not.toBe(before);
    });
  });

  test('what is the same is not asked for again, and without a difference it is the same tree', async () => {
    const first = await bring(some);
    const again = await bring(some);
    expect([again.path === first.path, again.sender.asked]).toEqual([true, []]);
    const changed = some
      .map((file) => (file.path === 'a/run' ? { ...file, content: 'new', stat: { ...file.stat, modTime: 9n } } : file))
      .filter(({ path }) => path !== 'a/twin' && path !== 'a.d/ü');
    const third = await bring(changed);
    expect([third.path === first.path, third.sender.asked]).toEqual([false, ['a/run']]);
    expect(await readFile(join(third.path, 'a/run'), 'utf8')).toBe('new');
    expect([await readdir(join(third.path, 'a')), await readdir(join(third.path, 'a.d'))]).toEqual([['big', 'dead', 'run'], []]);
    expect((await stat(join(third.path, 'a'))).mtimeMs).toBe(5000);
    expect((await bring(changed)).sender.asked).toEqual([]);
  });

  describe('a folder whose every content is asked for', () => {
    const all = { 'local.differ': 'none' };
    const small = some.filter(({ path }) => path !== 'a/big' && path !== 'a/twin');

    test('is the same tree when every content is the same', async () => {
      const first = await bring(small, all);
      const again = await bring(small, all);
      expect([again.path === first.path, again.sender.asked]).toEqual([true, ['Dockerfile', 'a/run', 'a.d/ü']]);
    });

    test('is another one when a content differs under the same stat, with the times of its folders', async () => {
      const first = await bring(small, all);
      const { path } = await bring(
        small.map((file) => (file.path === 'a/run' ? { ...file, content: 'y' } : file)),
        all,
      );
      expect([path === first.path, await readFile(join(path, 'a/run'), 'utf8'), (await stat(join(path, 'a'))).mtimeMs]).toEqual([
        false,
        'y',
        5000,
      ]);
      const large = await bring(some, all);
      const big = some.map((file) => (file.path === 'a/big' ? { ...file, content: Buffer.alloc(300_000, 8) } : file));
      const other = await bring(big, all);
      expect([
        other.path === large.path,
        (await readFile(join(other.path, 'a/big')))[7],
        (await stat(join(other.path, 'a'))).mtimeMs,
      ]).toEqual([false, 8, 5000]);
    });
  });

  test('a list is written from the first difference on, wherever it is, and begins as the last one does', async () => {
    const unit = way === 'messages' ? 500 : 50; // the client's end of a held connection is of JavaScript, too
    const name = (n: number): string => `f${String(n).padStart(4, '0')}`;
    const many = Array.from({ length: 6 * unit }, (_, n) => ({ path: name(n), content: name(n).slice(1) }));
    await bring(many);
    const changed = many.map((file, n) => (n === 5 * unit ? { ...file, content: 'new', stat: { modTime: 9n } } : file));
    expect((await bring(changed)).sender.asked).toEqual([name(5 * unit)]);
    const fewer = changed.filter((_, n) => n !== 6 * unit - 1);
    const { path, sender } = await bring(fewer);
    expect([sender.asked, (await readdir(path)).length, await readFile(join(path, name(5 * unit)), 'utf8')]).toEqual([
      [],
      6 * unit - 1,
      'new',
    ]);
    const before = await rig.lists();
    expect((await bring(fewer)).path).toBe(path);
    expect(await rig.lists()).toEqual(before);
    const other = await bring(
      fewer.map((file, n) => (n === 2 * unit ? { ...file, content: 'diff' } : file)),
      { 'local.differ': 'none' },
    );
    expect(await readFile(join(other.path, name(2 * unit)), 'utf8')).toBe('diff');
    expect((await bring([...fewer, { path: 'g', content: '' }])).sender.asked).toEqual(['g']);
    expect((await rig.lists()).length).toBe(2);
  });

  test('places outlive the builder; one whose list is gone is forgotten', async () => {
    const { path } = await bring(some);
    await rig.restart();
    expect((await bring(some)).path).toBe(path);
    for (const list of await rig.lists()) if (list.endsWith('.digests')) await rm(list);
    expect((await bring(some)).sender.asked).toHaveLength(4);
    for (const list of await rig.lists()) await rm(list);
    await rig.restart();
    expect((await bring(some)).path).not.toBe(path);
  });

  test('a folder that lost its last file keeps its time', async () => {
    await bring(some);
    const { path } = await bring(some.filter((file) => file.path !== 'a/twin'));
    expect([await readdir(join(path, 'a')), (await stat(join(path, 'a'))).mtimeMs]).toEqual([['big', 'dead', 'run'], 5000]);
  });

  test('files take the place of folders and the other way round', async () => {
    await bring(some);
    const { path } = await bring([folder('Dockerfile'), { path: 'Dockerfile/x', content: '1' }, { path: 'a', content: '2' }]);
    expect([
      await readFile(join(path, 'Dockerfile/x'), 'utf8'),
      await readFile(join(path, 'a'), 'utf8'),
      (await readdir(path)).sort(),
    ]).toEqual(['1', '2', ['Dockerfile', 'a']]);
  });

  test('a tree that is gone is brought anew', async () => {
    const first = await bring(some);
    rig.trees.gone.add(first.path.split('/').at(-1) ?? '');
    expect((await bring(some)).sender.asked).toHaveLength(4);
  });

  describe('attack 43: a hostile client', () => {
    const outside = (): string => join(rig.base, 'victim');
    test.each<[string, SentFile[]]>([
      ['a path that leads up', [{ path: '../victim', content: 'x' }]],
      ['an absolute path', [{ path: '/etc/x', content: 'x' }]],
      [
        'a path through a link',
        [
          { path: 'l', stat: { mode: 2 ** 27, linkname: '..' } },
          { path: 'l/victim', content: 'x' },
        ],
      ],
      ['a path without its folder', [{ path: 'no/victim', content: 'x' }]],
      [
        'a path twice',
        [
          { path: 'x', stat: { mode: 2 ** 27, linkname: '../victim' } },
          { path: 'x', content: 'x' },
        ],
      ],
      ['a hard link to the outside', [{ path: 'x', stat: { linkname: '../victim' } }]],
      [
        'a hard link through a link',
        [
          { path: 'l', stat: { mode: 2 ** 27, linkname: '../victim' } },
          { path: 'x', stat: { linkname: 'l' } },
        ],
      ],
      ['a zero byte', [{ path: 'a\0b', content: 'x' }]],
    ])('%s is refused, and nothing is written outside', async (_name, files) => {
      await writeFile(outside(), 'mine');
      await expect(bring(files)).rejects.toThrow();
      expect([await readFile(outside(), 'utf8'), (await lstat(outside())).nlink]).toEqual(['mine', 1]);
      expect((await readdir(join(rig.base, 'lists'))).length).toBe(0);
    });

    test('a link in the tree of the last time is not followed', async () => {
      const { path } = await bring([folder('d'), { path: 'd/x', content: '1' }]);
      await rm(join(path, 'd'), { recursive: true });
      await symlink(rig.base, join(path, 'd'));
      await expect(bring([folder('d'), { path: 'd/victim', content: '2' }])).rejects.toThrow();
      await expect(lstat(outside())).rejects.toThrow('ENOENT');
    });
  });
});
