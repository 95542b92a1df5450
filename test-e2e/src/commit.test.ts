import { join } from 'node:path';
import { command, describeEngine, hasProgram, pinnedNode, projectRoot, testWith } from './harness';

describeEngine('commit, import and archives', (suite) => {
  const { ok, docker } = suite;

  test('a commit has all that the container wrote, however little', async () => {
    for (let round = 1; round <= 8; round++) {
      await ok('run', '--name', 'writer', 'busybox', 'sh', '-c', `echo ${round} > /written; rm /var/www/index.html`);
      await ok('commit', 'writer', 'written:1');
      expect(await ok('run', '--rm', 'written:1', 'sh', '-c', 'cat /written; ls /var/www | wc -l')).toBe(`${round}\n0`);
      await ok('rm', 'writer');
      await ok('rmi', 'written:1');
    }
  });

  test('--change is read as a Dockerfile', async () => {
    await ok('create', '--name', 'plain', '-e', 'FOO=bar', 'busybox', 'old');
    await ok(
      'commit',
      '-c',
      'WORKDIR /a/$FOO',
      '-c',
      'EXPOSE 90-91 53/udp',
      '-c',
      'ENTRYPOINT ["/bin/echo"]',
      '-c',
      'HEALTHCHECK --interval=5s CMD true',
      '-c',
      'ENV X="a b" Y=c',
      'plain',
      'changed:1',
    );
    expect(
      await ok(
        'image',
        'inspect',
        '-f',
        '{{.Config.WorkingDir}} {{json .Config.ExposedPorts}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.Healthcheck.Test}}',
        'changed:1',
      ),
    ).toBe('/a/bar {"53/udp":{},"90/tcp":{},"91/tcp":{}} ["/bin/echo"] null ["CMD-SHELL","true"]');
    expect(await ok('image', 'inspect', '-f', '{{range .Config.Env}}{{println .}}{{end}}', 'changed:1')).toMatch(
      /^FOO=bar$[\s\S]*^X=a b$\n^Y=c$/m,
    );
    for (const bad of ['EXPOSE x', 'RUN true', 'ENV', 'ONBUILD FROM x', 'USER'])
      expect((await docker(['commit', '-c', bad, 'plain', 'bad:1'])).code).toBe(1);
    await ok('rm', 'plain');
    await ok('rmi', 'changed:1');
  });

  for (const program of ['gzip', 'xz', 'bzip2']) {
    testWith(program, hasProgram(program))(`load and import read a ${program} archive`, async () => {
      const archive = join(suite.engine.folder, `${program}.tar`);
      const made = await command(pinnedNode, [
        join(projectRoot, 'tools/make-image.mjs'),
        '--out',
        archive,
        '--name',
        `packed-${program}:1`,
      ]);
      expect(made.code).toBe(0);
      expect(
        (await command('sh', ['-c', `${program} -c ${archive} > ${archive}.packed && head -c 200000 ${archive}.packed > ${archive}.cut`]))
          .code,
      ).toBe(0);
      expect(await ok('load', '-i', `${archive}.packed`)).toBe(`Loaded image: packed-${program}:1`);
      expect((await docker(['load', '-i', `${archive}.cut`])).code).toBe(1);
      await ok('rmi', `packed-${program}:1`);
      await ok('create', '--name', 'tree', 'busybox', 'true');
      await ok('export', '-o', `${archive}.root`, 'tree');
      await command('sh', ['-c', `${program} -c ${archive}.root > ${archive}.root.packed`]);
      await ok('import', '-c', 'CMD ["/bin/echo","imported"]', `${archive}.root.packed`, 'imported:1');
      expect(await ok('run', '--rm', 'imported:1')).toBe('imported');
      await ok('rm', 'tree');
      await ok('rmi', 'imported:1');
    });
  }

  test('an image that is taken from under a container: the layers stay, the list shows the id', async () => {
    await ok('tag', 'busybox', 'moved:1');
    await ok('create', '--name', 'holder', 'moved:1', 'echo', 'still here');
    const id = await ok('inspect', '-f', '{{.Image}}', 'holder');
    await ok('run', '--name', 'other', 'busybox', 'touch', '/new');
    await ok('commit', 'other', 'moved:1');
    expect(await ok('ps', '-a', '--filter', 'name=holder', '--format', '{{.Image}}')).toBe(
      id.slice('sha256:'.length, 'sha256:'.length + 12),
    );
    expect(await ok('start', '-a', 'holder')).toBe('still here');
    await ok('rm', 'holder', 'other');
    await ok('rmi', 'moved:1');
  });

  test('inspect of what nobody has', async () => {
    const nothing = await docker(['inspect', 'nobody-has-this']);
    expect(nothing.code).toBe(1);
    expect(nothing.stderr).toMatch(/no such object: nobody-has-this/i);
  });
});
