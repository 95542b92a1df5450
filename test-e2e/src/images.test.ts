import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describeEngine, hasProgram, pinnedNode, projectRoot, startRegistry, testWith, type Registry } from './harness';

describeEngine('images', (suite) => {
  const { ok, docker } = suite;
  let registry: Registry | undefined;
  afterAll(() => registry?.stop());

  test('tag, images, inspect, history, rmi', async () => {
    const id = await ok('image', 'inspect', '-f', '{{.Id}}', 'busybox');
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    await ok('tag', 'busybox', 'other/name:v1');
    expect(await ok('images', '--no-trunc', '--format', '{{.ID}}', 'other/name')).toBe(id);
    expect(await ok('image', 'inspect', '-f', '{{json .RepoTags}}', id)).toBe('["busybox:latest","other/name:v1"]');
    expect(await ok('history', '-q', '--no-trunc', 'busybox')).toContain(id);
    expect(await ok('rmi', 'other/name:v1')).toBe('Untagged: other/name:v1');
    expect((await docker(['rmi', 'other/name:v1'])).stderr).toMatch(/No such image: other\/name:v1/);
    await ok('create', '--name', 'holds', 'busybox', 'true');
    const conflict = await docker(['rmi', 'busybox']);
    expect(conflict.code).toBe(1);
    expect(conflict.stderr).toMatch(
      /conflict: unable to (remove repository reference|delete) .*container [0-9a-f]{12} is using its referenced image/,
    );
    await ok('rm', 'holds');
  });

  test('save and load give the same image back', async () => {
    const archive = join(suite.engine.folder, 'saved.tar');
    const id = await ok('image', 'inspect', '-f', '{{.Id}}', 'busybox');
    await ok('tag', 'busybox', 'saved:1');
    await ok('save', '-o', archive, 'saved:1');
    await ok('rmi', 'saved:1');
    expect(await ok('load', '-i', archive)).toBe('Loaded image: saved:1');
    expect(await ok('image', 'inspect', '-f', '{{.Id}}', 'saved:1')).toBe(id);
    await ok('rmi', 'saved:1');
  });

  testWith('docker-registry', hasProgram('docker-registry'))('push, remove, pull, run', async () => {
    registry ??= await startRegistry(suite.engine);
    const name = `${registry.name}/team/busybox:1`;
    await ok('tag', 'busybox', name);
    expect(await ok('push', name)).toMatch(/1: digest: sha256:[0-9a-f]{64} size: \d+/);
    await ok('rmi', name);
    const pulled = await ok('pull', name);
    expect(pulled).toMatch(/Digest: sha256:[0-9a-f]{64}/);
    expect(await ok('run', '--rm', name, 'echo', 'pulled')).toBe('pulled');
    expect(await ok('image', 'inspect', '-f', '{{len .RepoDigests}}', name)).toBe('1');
    await ok('rmi', name);
    const unknown = await docker(['pull', `${registry.name}/no/such:1`]);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/manifest.*unknown|not found/);
  });

  testWith('docker-registry', hasProgram('docker-registry'))('the 12 layers of an image are stacked, not copied', async () => {
    const archive = join(suite.engine.folder, 'layers.tar');
    execFileSync(pinnedNode, [
      join(projectRoot, 'tools/make-image.mjs'),
      '--out',
      archive,
      '--name',
      'layers:1',
      '--files',
      '120',
      '--layers',
      '11',
    ]);
    await ok('load', '-i', archive);
    expect(await ok('run', '--rm', 'layers:1', 'sh', '-c', 'ls -d /payload-* | wc -l')).toBe('11');
    expect(await ok('run', '--rm', 'layers:1', 'sh', '-c', 'grep " / overlay" /proc/mounts | grep -o lowerdir | wc -l')).toBe('1');
    await ok('rmi', 'layers:1');
  });

  test('the configuration of an image is honoured whole', async () => {
    const archive = join(suite.engine.folder, 'config.tar');
    const config = {
      Env: ['PATH=/bin', 'GREETING=hi'],
      Entrypoint: ['/bin/sh', '-c'],
      Cmd: ['echo $GREETING $(id -un) $(pwd); ls -d /data'],
      User: 'alice:wheel',
      WorkingDir: '/var/www',
      Volumes: { '/data': {} },
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGINT',
      Labels: { a: 'b' },
    };
    execFileSync(pinnedNode, [
      '--input-type=module',
      '-e',
      `import { makeImage } from ${JSON.stringify(join(projectRoot, 'tools/make-image.mjs'))}; await makeImage(${JSON.stringify({ out: archive, name: 'config:1', config })})`,
    ]);
    await ok('load', '-i', archive);
    expect(await ok('run', '--name', 'configured', 'config:1')).toBe('hi alice /var/www\n/data');
    expect(
      await ok(
        'inspect',
        '-f',
        '{{.Config.User}} {{.Config.StopSignal}} {{.Config.Labels.a}} {{len .Mounts}} {{json .Config.ExposedPorts}}',
        'configured',
      ),
    ).toBe('alice:wheel SIGINT b 1 {"80/tcp":{}}');
    await ok('rm', '-v', 'configured');
    await ok('rmi', 'config:1');
  });
});
