import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { FileOp, type FileAction } from '@gantry/api/pb/ops';
import { syscalls } from '@gantry/linux';
import { leftBy, takeLeft } from '../../failure/left-trees';
import type { Ref } from '../../refs/ref';
import { holders, startHolder, type TreeHolder } from '../../refs/testing/store-of-trees';
import type { StepContext } from '../../solver/op';
import { fileOps } from '.';

type Partially<T> = { [K in keyof T]?: unknown };

const action = (given: Partially<FileAction>): FileAction =>
  FileOp.fromJSON({ actions: [{ input: '0', secondaryInput: '-1', output: '-1', ...(given as object) }] }).actions[0] as FileAction;
const copy = (given: object): object => ({ copy: { mode: -1, timestamp: '-1', createDestPath: true, ...given } });
const mkfile = (path: string, text: string, more: object = {}): object => ({
  mkfile: { path, mode: 0o644, data: Buffer.from(text).toString('base64'), timestamp: '-1', ...more },
});
const mkdir = (path: string, more: object = {}): object => ({ mkdir: { path, mode: 0o755, makeParents: true, timestamp: '-1', ...more } });

describe.each(holders)('trees and files on $name', (which) => {
  let holder: TreeHolder;
  const held: Ref[] = [];
  beforeAll(async () => {
    holder = await startHolder(which);
  });
  afterAll(async () => {
    for (const ref of held) ref.release();
    await holder?.stop();
  });

  const step = (): StepContext => ({ call: holder.ctx }) as StepContext;

  /** Runs actions one after the other on the first input; the last one's outcome. */
  async function run(inputs: readonly (Ref | undefined)[], ...given: object[]): Promise<Ref> {
    const actions = given.map((one, at) =>
      action({ input: at === 0 ? '0' : String(inputs.length + at - 1), output: at === given.length - 1 ? '0' : '-1', ...one }),
    );
    const op = fileOps({ refs: holder.refs, program: holder.program })(
      { actions },
      { digest: '', name: 'test', inputs: inputs.length, platform: undefined, description: {} },
    );
    const [out] = await op.run(step(), inputs);
    if (out === undefined) throw new Error('no output');
    held.push(out);
    return out;
  }

  /** What a tree holds: path, kind, mode, owner, contents. */
  async function show(ref: Ref | undefined): Promise<Record<string, string>> {
    return holder.refs.withTree(holder.ctx, ref, (root) => {
      const found: Record<string, string> = {};
      const walk = (path: string): void => {
        const stat = path === '' ? statSync(root) : lstatSync(join(root, path));
        const kind = stat.isDirectory() ? 'd' : stat.isSymbolicLink() ? 'l' : stat.isFile() ? 'f' : '?';
        const text = stat.isFile() ? ` ${readFileSync(join(root, path), 'latin1')}` : '';
        if (path !== '') found[path] = `${kind}${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}${text}`;
        if (stat.isDirectory()) for (const name of readdirSync(join(root, path))) walk(path === '' ? name : `${path}/${name}`);
      };
      walk('');
      return Promise.resolve(found);
    });
  }

  test('makes folders, files and links, on top of another tree, and removes', async () => {
    const base = await run([undefined], mkdir('/a/b'), mkfile('/a/b/f', 'one'), {
      symlink: { oldpath: 'b', newpath: '/a/l', timestamp: '-1' },
    });
    expect(await show(base)).toEqual({ a: 'd755 0:0', 'a/b': 'd755 0:0', 'a/b/f': 'f644 0:0 one', 'a/l': 'l777 0:0' });
    const next = await run([base], mkfile('/a/l/g', 'two', { owner: { user: { byID: 7 } } }), { rm: { path: '/a/b/f' } });
    expect(await show(next)).toEqual({ a: 'd755 0:0', 'a/b': 'd755 0:0', 'a/b/g': 'f644 7:7 two', 'a/l': 'l777 0:0' });
    expect((await show(base))['a/b/f']).toBe('f644 0:0 one');
  });

  test('copies a folder as COPY does: contents, a new destination 0755', async () => {
    const source = await run(
      [undefined],
      mkdir('/src', { mode: 0o700 }),
      mkdir('/src/in', { mode: 0o711 }),
      mkfile('/src/in/f', 'x', { mode: 0o600 }),
    );
    const out = await run([undefined, source], { secondaryInput: '1', ...copy({ src: '/src', dest: '/dst', dirCopyContents: true }) });
    expect(await show(out)).toEqual({ dst: 'd755 0:0', 'dst/in': 'd711 0:0', 'dst/in/f': 'f600 0:0 x' });
    const whole = await run([undefined, source], {
      secondaryInput: '1',
      ...copy({ src: '/s*', dest: '/to/', allowWildcard: true, modeStr: 'u=rwX,go=rX', owner: { user: { byID: 3 }, group: { byID: 4 } } }),
    });
    expect(await show(whole)).toEqual({ to: 'd755 3:4', 'to/src': 'd755 3:4', 'to/src/in': 'd755 3:4', 'to/src/in/f': 'f644 3:4 x' });
  });

  test('a link in the source or the target leads nowhere else', async () => {
    const evil = await run([undefined], { symlink: { oldpath: '/../../../etc', newpath: '/e', timestamp: '-1' } }, mkfile('/f', 'in'));
    const out = await run([evil, evil], { secondaryInput: '1', ...copy({ src: '/f', dest: '/e/' }) });
    expect(await show(out)).toEqual({ e: 'l777 0:0', etc: 'd755 0:0', 'etc/f': 'f644 0:0 in', f: 'f644 0:0 in' });
    await expect(
      run([undefined, evil], { secondaryInput: '1', ...copy({ src: '/e/passwd', dest: '/x', followSymlink: true }) }),
    ).rejects.toMatchObject({
      kind: 'notFound',
      message: 'lstat /etc/passwd: no such file or directory',
      meta: { fileAction: 0 },
    });
  });

  /** Runs actions that fail; what they left, shown, with ids of what is held. */
  async function failing(inputs: readonly (Ref | undefined)[], ...given: object[]) {
    const actions = given.map((one, at) => action({ output: at === given.length - 1 ? '0' : '-1', ...one }));
    const op = fileOps({ refs: holder.refs, program: holder.program })(
      { actions },
      { digest: '', name: 'fails', inputs: inputs.length, platform: undefined, description: {} },
    );
    const error: unknown = await op.run(step(), inputs).catch((thrown: unknown) => thrown);
    const left = leftBy(error);
    const mounts: (Record<string, string> | undefined)[] = [];
    for (const ref of left?.mounts ?? []) mounts.push(ref && (await show(ref)));
    return { error: String(error), held: takeLeft(error), subject: left?.subject, inputs: left?.inputs.map((ref) => ref?.id), mounts };
  }
  const trees = async (): Promise<string[]> => (await holder.refs.usage(holder.ctx, [])).map(({ id }) => id);

  test('a failed action leaves the tree that those before it made, what it stood on, and what it was to take from', async () => {
    const files = { a: 'd755 0:0', 'a/f': 'f644 0:0 x' };
    const before = await trees();
    // The third of four fails: its tree is that of the two before it.
    const chain = await failing(
      [undefined],
      mkdir('/a'),
      { input: '1', ...mkfile('/a/f', 'x') },
      { input: '2', ...mkfile('/none/f', 'x') },
      { input: '3', ...mkdir('/b') },
    );
    expect(chain).toMatchObject({
      error: expect.stringContaining('/none/f'),
      subject: { file: { index: 2n } },
      inputs: [undefined],
      mounts: [undefined, undefined, files, undefined],
    });
    const base = await run([undefined], mkdir('/base'));
    const source = await run([undefined], mkdir('/a'), mkfile('/a/f', 'x'));
    const lost = copy({ src: '/a/f', dest: '/none/f', createDestPath: false });
    const fromInput = await failing([base, source], { secondaryInput: '1', ...lost });
    expect(fromInput).toMatchObject({
      subject: { file: { index: 0n } },
      inputs: [base.id, source.id],
      mounts: [{ base: 'd755 0:0' }],
    });
    const fromAction = await failing(
      [base],
      { input: '-1', ...mkdir('/a') },
      { input: '1', ...mkfile('/a/f', 'x') },
      { secondaryInput: '2', ...lost },
    );
    expect(fromAction).toMatchObject({
      subject: { file: { index: 2n } },
      inputs: [base.id],
      mounts: [undefined, files, { base: 'd755 0:0' }],
    });
    // What nobody finds again goes with its last holder; the tree that an action was to copy from is one like any other.
    const passing = [chain, fromInput, fromAction].flatMap((one) => one.held.at(-1)?.id ?? []);
    expect((await trees()).filter((id) => !before.includes(id)).sort()).toEqual(
      [...passing, base.id, source.id, fromAction.held[1]?.id ?? ''].sort(),
    );
    for (const ref of [chain, fromInput, fromAction].flatMap((one) => one.held)) ref.release();
    while ((await trees()).some((id) => passing.includes(id)));
  });

  test('include and exclude patterns', async () => {
    const source = await run(
      [undefined],
      ...['a/b/c.txt', 'a/b/d.md', 'a/x.txt', 'z.txt'].flatMap((path) => [
        mkdir(`/${path.replace(/\/?[^/]*$/, '')}`),
        mkfile(`/${path}`, path),
      ]),
    );
    const names = async (more: object): Promise<string[]> =>
      Object.keys(
        await show(
          await run([undefined, source], { secondaryInput: '1', ...copy({ src: '/', dest: '/', dirCopyContents: true, ...more }) }),
        ),
      );
    expect(await names({ includePatterns: ['**/*.txt'] })).toEqual(['a', 'a/b', 'a/b/c.txt', 'a/x.txt', 'z.txt']);
    expect(await names({ includePatterns: ['a/b'] })).toEqual(['a', 'a/b', 'a/b/c.txt', 'a/b/d.md']);
    expect(await names({ excludePatterns: ['a/*', '!a/x.txt'] })).toEqual(['a', 'a/x.txt', 'z.txt']);
  });

  test('owners by name come from the tree that is named', async () => {
    const base = await run(
      [undefined],
      mkdir('/etc'),
      mkfile('/etc/passwd', 'me:x:12:34::/:/bin/sh\n'),
      mkfile('/etc/group', 'us:x:56:\n'),
    );
    const owner = { user: { byName: { name: 'me', input: '0' } }, group: { byName: { name: 'us', input: '0' } } };
    const only = { user: { byName: { name: 'me', input: '0' } } };
    const other = { user: { byName: { name: 'nobody-here', input: '0' } } };
    const out = await run([base], mkfile('/1', '', { owner }), mkfile('/2', '', { owner: only }), mkfile('/3', '', { owner: other }));
    const { 1: one, 2: two, 3: three } = await show(out);
    expect([one, two, three]).toEqual(['f644 12:56 ', 'f644 12:34 ', 'f644 0:0 ']);
  });

  test('checksums: the same for the same files, never of times, and of what is asked for', async () => {
    const plain = { followLinks: false, wildcard: false, include: [], exclude: [] };
    const one = await run([undefined], mkdir('/d'), mkfile('/d/f', 'x', { timestamp: '1000000000' }), mkfile('/other', '1'));
    const two = await run([undefined], mkfile('/other', '2'), mkdir('/d'), mkfile('/d/f', 'x'));
    const sum = (ref: Ref | undefined, path: string, more: object = {}): Promise<string> =>
      holder.refs.checksum(holder.ctx, ref, path, { ...plain, ...more });
    expect(await sum(one, '/d')).toBe(await sum(two, '/d'));
    expect(await sum(one, '/')).not.toBe(await sum(two, '/'));
    expect(await sum(one, '/', { exclude: ['other'] })).toBe(await sum(two, '/', { exclude: ['other'] }));
    expect(await sum(one, '/o*', { wildcard: true })).not.toBe(await sum(two, '/o*', { wildcard: true }));
    await expect(sum(one, '/none')).rejects.toMatchObject({
      kind: 'notFound',
      message: `failed to calculate checksum of ref ${one.id}: "/none": not found`,
    });
  });

  test('archives are laid out by what they hold, whatever they are called; everything else is copied', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gantry-tar-'));
    try {
      mkdirSync(join(folder, 'in/d'), { recursive: true });
      writeFileSync(join(folder, 'in/d/f'), 'text');
      const tar = (...flags: string[]): string =>
        execFileSync('tar', [...flags, '--owner=5', '--group=6', '-cf', '-', '-C', join(folder, 'in'), '.']).toString('base64');
      const gzipOfText = execFileSync('gzip', ['-c'], { input: 'no archive' }).toString('base64');
      const files: Record<string, string> = {
        plain: tar(),
        'a.txt': tar('-z'),
        xz: tar('-J'),
        bz: tar('-j'),
        'no.tar.gz': gzipOfText,
        empty: '',
      };
      files['zst'] = zstdCompressSync(Buffer.from(files['plain'] ?? '', 'base64')).toString('base64');
      const source = await run([undefined], ...Object.entries(files).map(([path, data]) => mkfile(`/${path}`, '', { data })));
      const add = (src: string, more: object = {}): Promise<Ref> =>
        run([undefined, source], { secondaryInput: '1', ...copy({ src, dest: '/to/', attemptUnpackDockerCompatibility: true, ...more }) });
      for (const name of ['plain', 'a.txt', 'xz', 'bz', 'zst'])
        expect([name, await show(await add(`/${name}`))]).toEqual([
          name,
          { to: 'd755 0:0', 'to/d': 'd755 5:6', 'to/d/f': 'f644 5:6 text' },
        ]);
      const owned = await show(await add('/a*', { allowWildcard: true, owner: { user: { byID: 8 } } }));
      expect(owned).toEqual({ to: 'd755 8:8', 'to/d': 'd755 8:8', 'to/d/f': 'f644 8:8 text' });
      expect(Object.keys(await show(await add('/no.tar.gz')))).toEqual(['to', 'to/no.tar.gz']);
      expect(await show(await add('/empty'))).toEqual({ to: 'd755 0:0', 'to/empty': 'f644 0:0 ' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('an archive writes nowhere but below its target', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gantry-tar-'));
    try {
      writeFileSync(join(folder, 'f'), 'x');
      const data = execFileSync('tar', ['-P', '--transform=s,^,../../../../up/,', '-cf', '-', '-C', folder, 'f']).toString('base64');
      const source = await run([undefined], mkfile('/t', '', { data }));
      const out = run([undefined, source], {
        secondaryInput: '1',
        ...copy({ src: '/t', dest: '/to/', attemptUnpackDockerCompatibility: true }),
      });
      await expect(out).rejects.toMatchObject({ kind: 'invalidArgument' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('kinds that differ are an error, or are replaced where that was asked for', async () => {
    const target = await run([undefined], mkdir('/a/sub'), mkfile('/b', 'old'));
    const source = await run([undefined], mkfile('/a', 'file'), mkdir('/b/deep'));
    const all = (more: object): Promise<Ref> =>
      run([target, source], { secondaryInput: '1', ...copy({ src: '/', dest: '/', dirCopyContents: true, ...more }) });
    await expect(all({ includePatterns: ['a'] })).rejects.toMatchObject({ message: 'cannot replace to directory /a with file' });
    await expect(all({ includePatterns: ['b'] })).rejects.toMatchObject({ message: 'cannot copy to non-directory: /b' });
    expect(await show(await all({ alwaysReplaceExistingDestPaths: true }))).toEqual({
      a: 'f644 0:0 file',
      b: 'd755 0:0',
      'b/deep': 'd755 0:0',
    });
  });

  test('what is not there', async () => {
    const source = await run([undefined], mkfile('/f', ''));
    const from = (more: object): Promise<Ref> => run([undefined, source], { secondaryInput: '1', ...copy(more) });
    await expect(from({ src: '/x*', dest: '/', allowWildcard: true })).rejects.toMatchObject({
      kind: 'notFound',
      message: '/x* not found',
    });
    expect(await show(await from({ src: '/x*', dest: '/', allowWildcard: true, allowEmptyWildcard: true }))).toEqual({});
    await expect(from({ src: '/f', dest: '/no/f', createDestPath: false })).rejects.toMatchObject({ kind: 'notFound' });
    await expect(from({ src: '/', dest: '/', dirCopyContents: true, requiredPaths: ['g'] })).rejects.toMatchObject({
      message: 'lstat /g: no such file or directory',
    });
    await expect(run([source], { rm: { path: '/g' } })).rejects.toMatchObject({ message: 'stat /g: no such file or directory' });
    expect(
      await show(await run([source], { rm: { path: '/g', allowNotFound: true } }, { rm: { path: '/?', allowWildcard: true } })),
    ).toEqual({});
  });

  test('two copies of one file are two files, in one step, in two, and beside their source; names of one file stay that', async () => {
    const source = await run([undefined], mkdir('/d'), mkfile('/d/f', 'text'));
    const from = (ref: string, src: string, dest: string): object => ({
      secondaryInput: ref,
      ...copy({ src, dest, dirCopyContents: true }),
    });
    const files = (ref: Ref, ...paths: string[]): Promise<number> =>
      holder.refs.withTree(holder.ctx, ref, (root) => Promise.resolve(new Set(paths.map((path) => lstatSync(join(root, path)).ino)).size));
    const one = await run([undefined, source], from('1', '/d', '/new/a'), from('1', '/d', '/new/b'));
    expect(await files(one, 'new/a/f', 'new/b/f')).toBe(2);
    const first = await run([undefined, source], from('1', '/d', '/first'));
    const second = await run([first, source], from('1', '/d', '/second'));
    expect(await files(second, 'first/f', 'second/f')).toBe(2);
    const beside = await run([source, source], from('1', '/d', '/beside'));
    expect(await files(beside, 'd/f', 'beside/f')).toBe(2);
    const merged = await holder.refs.merge(
      holder.ctx,
      [
        await run([undefined], mkfile('/base', 'b')),
        await run([undefined, source], from('1', '/d', '/m1')),
        await run([undefined, source], from('1', '/d', '/m2')),
      ],
      { description: 'merged' },
    );
    if (merged === undefined) throw new Error('no merge');
    held.push(merged);
    expect(await files(merged, 'm1/f', 'm2/f')).toBe(2);
  });

  test('times, hard links, devices, sparse files and xattrs come along', async () => {
    const made = await holder.refs.prepare(holder.ctx, undefined, { description: 'by hand' });
    const root = made.mounts[0]?.source ?? '';
    execFileSync('sh', [
      '-c',
      'cd "$1" && mkdir d && echo x >d/1 && ln d/1 d/2 && mkfifo d/p && mknod d/c c 1 3 && truncate -s 1M d/s && touch -d @1000000000 d/1 d && chmod 6755 d/1 && touch -h -d @900000000 d/p',
      'sh',
      root,
    ]);
    syscalls.lsetxattr(join(root, 'd/1'), 'user.x', Buffer.from('y'));
    const source = await made.commit(holder.ctx);
    held.push(source);
    const out = await run([undefined, source], { secondaryInput: '1', ...copy({ src: '/d', dest: '/' }) });
    await holder.refs.withTree(holder.ctx, out, (path) => {
      const [one, two, pipe, device, sparse, dir] = ['1', '2', 'p', 'c', 's', '.'].map((name) => lstatSync(join(path, 'd', name)));
      expect([one?.ino, one?.mode, one?.mtimeMs, dir?.mtimeMs, pipe?.mtimeMs]).toEqual([two?.ino, 0o106755, 1e12, 1e12, 9e11]);
      expect([pipe?.isFIFO(), device?.isCharacterDevice(), device?.rdev, sparse?.size, sparse?.blocks]).toEqual([
        true,
        true,
        0x103,
        1 << 20,
        0,
      ]);
      expect(syscalls.lgetxattr(join(path, 'd/1'), 'user.x')?.toString()).toBe('y');
      return Promise.resolve();
    });
  });

  test.each([-1, 0o600])(
    'folders that one layer has alone and that several have, with names of one file in both (mode %d)',
    async (mode) => {
      const made = await holder.refs.prepare(holder.ctx, undefined, { description: 'by hand' });
      const root = made.mounts[0]?.source ?? '';
      const layout =
        'cd "$1" && mkdir -p both alone/deep gone hidden/deep && echo x >both/1 && ln both/1 alone/deep/2 && touch hidden/deep/old gone/old';
      execFileSync('sh', ['-c', layout, 'sh', root]);
      const first = await made.commit(holder.ctx);
      held.push(first);
      const away = (path: string): object => ({ rm: { path } });
      const source = await run(
        [first],
        mkfile('/both/new', 'n'),
        away('/gone'),
        away('/hidden'),
        mkdir('/hidden/deep'),
        mkfile('/hidden/deep/new', 'h'),
      );
      const out = await run([undefined, source], { secondaryInput: '1', ...copy({ src: '/', dest: '/to/', dirCopyContents: true, mode }) });
      expect(Object.keys(await show(out)).filter((path) => /\d|new|old/.test(path))).toEqual(
        expect.arrayContaining(['to/alone/deep/2', 'to/both/1', 'to/both/new', 'to/hidden/deep/new']),
      );
      expect(Object.keys(await show(out))).toHaveLength(10);
      await holder.refs.withTree(holder.ctx, out, (path) => {
        const [one, two] = ['both/1', 'alone/deep/2'].map((name) => lstatSync(join(path, 'to', name)));
        expect([one?.ino, one?.mode]).toEqual([two?.ino, mode === -1 ? 0o100644 : 0o100600]);
        return Promise.resolve();
      });
    },
  );

  test('files are taken over without a copy, and what is written later does not touch where they came from', async () => {
    const first = await run([undefined], mkdir('/d/e'), mkfile('/d/1', 'one'), mkfile('/d/e/2', 'two'), mkfile('/top', 't'));
    const source = await run([first], mkfile('/d/1', 'new'));
    const taken = { secondaryInput: '1', ...copy({ src: '/', dest: '/to/', dirCopyContents: true }) };
    const out = await run([undefined, source], taken, mkfile('/to/d/e/2', 'changed'), mkfile('/to/top', 'changed'));
    expect(await show(out)).toMatchObject({ 'to/d/1': 'f644 0:0 new', 'to/d/e/2': 'f644 0:0 changed', 'to/top': 'f644 0:0 changed' });
    expect(await show(source)).toMatchObject({ 'd/1': 'f644 0:0 new', 'd/e/2': 'f644 0:0 two', top: 'f644 0:0 t' });
    const links = (ref: Ref, path: string): Promise<number> =>
      holder.refs.withTree(holder.ctx, ref, (root) => Promise.resolve(lstatSync(join(root, path)).nlink));
    expect(await links(out, 'to/d/1')).toBe(2);
    const owned = await run([undefined, source], { ...taken, ...copy({ src: '/d/1', dest: '/', mode: 0o600 }) });
    expect([await links(owned, '1'), await show(owned)]).toEqual([1, { 1: 'f600 0:0 new' }]);
  });

  test('blobs: a layer a tree, in either convention, packed and remembered', async () => {
    const base = await run([undefined], mkfile('/f', 'x'.repeat(5000), { timestamp: '2000000000000000000' }));
    const next = await run([base], mkfile('/g', 'y'));
    const how = { compression: 'gzip', force: false, oci: true } as const;
    const made = await holder.refs.blobs(holder.ctx, next, how);
    expect(made.map(({ blob }) => blob.mediaType)).toEqual(Array(2).fill('application/vnd.oci.image.layer.v1.tar+gzip'));
    const docker = await holder.refs.blobs(holder.ctx, next, { ...how, oci: false });
    expect(docker.map(({ blob }) => blob.digest)).toEqual(made.map(({ blob }) => blob.digest));
    const early = await holder.refs.blobs(holder.ctx, base, {
      compression: 'zstd',
      level: 19,
      force: true,
      oci: true,
      latestTime: 1_000_000_000,
    });
    expect(early[0]?.diffId).not.toBe(made[0]?.diffId);
    for (const ref of held.splice(0)) ref.release();
    await holder.restart();
    const again = holder.refs.get(next.id);
    expect(await holder.refs.blobs(holder.ctx, again, how)).toEqual(made);
    again?.release();
  });
});
