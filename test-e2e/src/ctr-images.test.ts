import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasProgram, pinnedNode, projectRoot, startEngine, startRegistry, testWith, type Engine, type Registry } from './harness';

/** Debian's ctr is of containerd 1.6: it speaks to registries itself and uses content, images, snapshots, diff and leases. */
describe("images, content, snapshots and leases of containerd's ctr", () => {
  let engine: Engine;
  let registry: Registry | undefined;
  const able = hasProgram('ctr') && hasProgram('docker-registry');
  const ctrTest = testWith('ctr and docker-registry', able);
  const run = (args: readonly string[], namespace = 'own') =>
    engine.onHost('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', namespace, ...args], { timeout: 60_000 });
  const ctr = async (...args: string[]) => {
    const result = await run(args);
    if (result.code !== 0) throw new Error(`ctr ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  };
  const lines = (text: string) => text.split('\n').filter((line) => line !== '');
  const image = 'docker.io/library/many:1';
  const remote = () => `${registry?.name ?? ''}/team/many:1`;

  beforeAll(async () => {
    engine = await startEngine();
    if (!able) return;
    const archive = join(engine.folder, 'many.tar');
    execFileSync(pinnedNode, [
      join(projectRoot, 'tools/make-image.mjs'),
      '--out',
      archive,
      '--name',
      'many:1',
      '--files',
      '60',
      '--layers',
      '3',
    ]);
    registry = await startRegistry(engine);
    await ctr('images', 'import', archive);
  }, 120_000);
  afterAll(async () => {
    await registry?.stop();
    await engine.destroy();
  }, 180_000);

  ctrTest('import, ls, check, tag, label', async () => {
    expect(await ctr('images', 'ls', '-q')).toBe(`${image}\n`);
    expect(await ctr('images', 'check')).toMatch(new RegExp(`^${image}\\s.*complete \\(\\d/\\d\\).*true`, 'm'));
    expect(await ctr('images', 'tag', image, remote())).toBe(`${remote()}\n`);
    await ctr('images', 'label', remote(), 'team=a');
    expect(await ctr('images', 'ls', 'labels.team==a')).toContain(remote());
  });

  ctrTest('push, rm, pull --plain-http: the same digest, unpacked', async () => {
    const before = lines(await ctr('images', 'ls'))
      .find((line) => line.startsWith(remote()))
      ?.split(/\s+/)[2];
    await ctr('images', 'push', '--plain-http', remote());
    await ctr('images', 'rm', '--sync', remote(), image);
    expect(lines(await ctr('content', 'ls', '-q'))).toEqual([]);
    const pulled = await ctr('images', 'pull', '--plain-http', remote());
    expect(pulled).toMatch(/unpacking linux\/\w+ sha256:[0-9a-f]{64}/);
    expect(
      lines(await ctr('images', 'ls'))
        .find((line) => line.startsWith(remote()))
        ?.split(/\s+/)[2],
    ).toBe(before);
    expect(lines(await ctr('snapshots', 'ls')).length).toBe(5);
    expect(await ctr('run', '--rm', remote(), 'one', 'echo', 'pulled')).toBe('pulled\n');
  });

  ctrTest('pull --all-platforms, --platform of another machine, --print-chainid', async () => {
    expect(await ctr('images', 'pull', '--plain-http', '--all-platforms', remote())).toContain('done');
    expect(await ctr('images', 'pull', '--plain-http', '--print-chainid', remote())).toMatch(/image chain ID: sha256:[0-9a-f]{64}/);
    expect((await run(['images', 'pull', '--plain-http', `${registry?.name ?? ''}/team/none:1`])).stderr).toMatch(/not found/);
  });

  ctrTest('export and import give the same image; docker loads it, too', async () => {
    const out = join(engine.folder, 'exported.tar');
    await ctr('images', 'export', out, remote());
    await ctr('images', 'rm', '--sync', remote());
    expect(await ctr('images', 'import', out)).toContain('unpacking');
    expect(await ctr('images', 'ls', '-q')).toBe(`${remote()}\n`);
    expect((await engine.docker(['load', '-i', out])).stdout).toContain(`Loaded image: ${remote()}`);
    await engine.docker(['rmi', remote()]);
    await ctr('images', 'import', '--no-unpack', '--base-name', 'renamed', '--digests', out);
    expect(await ctr('images', 'ls', '-q')).toMatch(/^renamed@sha256:[0-9a-f]{64}$/m);
    await ctr('images', 'rm', ...lines(await ctr('images', 'ls', '-q')).filter((name) => name.startsWith('renamed')));
  });

  ctrTest('mount, unmount, usage', async () => {
    const target = join(engine.folder, 'mounted');
    mkdirSync(target);
    try {
      await ctr('images', 'mount', remote(), target);
      expect(existsSync(join(target, 'bin/busybox')) || existsSync(join(target, 'bin/sh'))).toBe(true);
    } finally {
      await ctr('images', 'unmount', '--rm', target);
    }
    const chain =
      lines(await ctr('snapshots', 'ls'))
        .find((line) => /Committed/.test(line))
        ?.split(/\s+/)[0] ?? '';
    expect(await ctr('snapshots', 'usage', chain)).toMatch(new RegExp(`^${chain}\\s`, 'm'));
    expect(await ctr('images', 'usage', remote()).catch(async () => ctr('snapshots', 'usage'))).not.toBe('');
    for (const line of lines(await ctr('snapshots', 'ls')).filter((each) => /Active|View/.test(each)))
      await ctr('snapshots', 'rm', line.split(/\s+/)[0] ?? '');
  });

  ctrTest('content: ls, get, fetch, ingest, label, rm', async () => {
    const text = 'some content of ctr';
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    const ingested = await engine.onHost(
      'ctr',
      [
        '-a',
        `${engine.run}/supervisor.sock`,
        '-n',
        'own',
        'content',
        'ingest',
        '--expected-size',
        String(text.length),
        '--expected-digest',
        digest,
        'my-ref',
      ],
      { input: text },
    );
    expect(ingested.stderr).toBe('');
    expect(await ctr('content', 'get', digest)).toBe(text);
    await ctr('content', 'label', digest, 'a=b');
    expect(await ctr('content', 'ls', 'labels.a==b')).toContain(digest);
    await ctr('content', 'rm', digest);
    expect((await run(['content', 'get', digest])).stderr).toContain('not found');
    await ctr('images', 'rm', '--sync', remote());
    expect(await ctr('content', 'fetch', '--plain-http', '--all-platforms', remote())).toMatch(/layer-sha256:[0-9a-f]{64}:\s+done/);
    expect(lines(await ctr('content', 'ls', '-q')).length).toBe(6);
    expect(await ctr('content', 'active')).toMatch(/^REF/);
    expect(await ctr('content', 'fetch-object', '--plain-http', remote(), digest)).toContain('"schemaVersion":2');
  });

  ctrTest('snapshots: prepare, mounts, view, commit, tree, diff, rm', async () => {
    await ctr('snapshots', 'prepare', 'work');
    const mounts = await ctr('snapshots', 'mounts', '/target', 'work');
    expect(mounts).toMatch(/^mount -t bind .* \/target/m);
    const source = / (\/\S+) \/target/.exec(mounts)?.[1] ?? '';
    writeFileSync(join(source, 'file'), 'x');
    expect(await ctr('snapshots', 'diff', '--media-type', 'application/vnd.oci.image.layer.v1.tar', 'work')).toContain('file');
    await ctr('snapshots', 'commit', 'done', 'work');
    await ctr('snapshots', 'view', 'seen', 'done');
    expect(await ctr('snapshots', 'tree')).toMatch(/ done\n\s+\\_ seen/);
    expect(await ctr('snapshots', 'info', 'done')).toContain('"Kind": "Committed"');
    expect((await run(['snapshots', 'rm', 'done'])).stderr).toMatch(/cannot remove snapshot .*failed precondition/);
    await ctr('snapshots', 'rm', 'seen');
    await ctr('snapshots', 'rm', 'done');
  });

  ctrTest('leases: create, hold, expire', async () => {
    const id = (await ctr('leases', 'create', '--id', 'mine', '--expires', '1h', 'a=b')).trim();
    expect(id).toBe('mine');
    expect(await ctr('leases', 'ls')).toMatch(/^mine\s+.*a=b/m);
    await ctr('leases', 'delete', '--sync', 'mine');
    expect(lines(await ctr('leases', 'ls', '-q'))).toEqual([]);
  });

  ctrTest('another namespace shares the bytes, not the names; docker pulls what is there already', async () => {
    const other = await run(['images', 'pull', '--plain-http', remote()], 'second');
    expect(other.code).toBe(0);
    expect((await run(['images', 'ls', '-q'], 'second')).stdout).toBe(`${remote()}\n`);
    const pulled = await engine.docker(['pull', remote()]);
    expect([pulled.code, pulled.stderr]).toEqual([0, '']);
    expect((await engine.docker(['run', '--rm', remote(), 'echo', 'shared'])).stdout).toBe('shared\n');
    await engine.docker(['rmi', remote()]);
  });

  ctrTest('a wrong expected digest is refused and nothing is kept', async () => {
    const wrong = `sha256:${'0'.repeat(64)}`;
    const refused = await engine.onHost(
      'ctr',
      ['-a', `${engine.run}/supervisor.sock`, '-n', 'own', 'content', 'ingest', '--expected-digest', wrong, 'bad-ref'],
      { input: 'x' },
    );
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/unexpected commit digest/);
    expect(await ctr('content', 'ls', '-q')).not.toContain(wrong);
  });
});
