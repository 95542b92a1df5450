import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ended, until } from './harness/command';
import { callApi, describeEngine, dockerTakes, testWith } from './harness';

const buildx = testWith('docker buildx with several outputs', dockerTakes('--output', 'buildx', 'build'));

describeEngine(
  'builds through buildx',
  (suite) => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(suite.engine.folder, 'ctx-'));
      writeFileSync(join(folder, 'a.txt'), 'hello\n');
    });

    const build = (dockerfile: string, ...args: string[]) => {
      writeFileSync(join(folder, 'Dockerfile'), dockerfile);
      return suite.engine.docker(['buildx', 'build', '--progress=plain', ...args, folder], { timeout: 120_000 });
    };
    const PLAIN = 'FROM busybox\nCOPY a.txt /x/\nRUN cat /x/a.txt | tr a-z A-Z > /y\nCMD ["cat", "/y"]\n';

    buildx(
      'what is built runs, and is cached the next time',
      async () => {
        const first = await build(PLAIN, '-t', 'plain');
        expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('naming to docker.io/library/plain')]);
        expect((await suite.engine.docker(['run', '--rm', 'plain'])).stdout).toBe('HELLO\n');
        const second = await build(PLAIN, '-t', 'again');
        expect([second.code, second.stderr.match(/CACHED/g)?.length]).toEqual([0, 2]);
        const layers = await suite.engine.docker(['image', 'inspect', '-f', '{{json .RootFS.Layers}}', 'plain', 'again']);
        expect(new Set(layers.stdout.trim().split('\n')).size).toBe(1);
      },
      180_000,
    );

    buildx(
      'a step that fails is told with its exit code and its place in the file',
      async () => {
        const { code, stderr } = await build('FROM busybox\nRUN echo out; exit 7\n');
        expect(code).toBe(1);
        expect(stderr).toContain('process "/bin/sh -c echo out; exit 7" did not complete successfully: exit code: 7');
        expect(stderr).toContain('   2 | >>> RUN echo out; exit 7');
      },
      60_000,
    );

    buildx(
      'a Dockerfile comes on standard input, and --quiet prints the image alone',
      async () => {
        const made = await suite.engine.docker(['buildx', 'build', '-q', '-'], { input: 'FROM busybox\nRUN true\n', timeout: 60_000 });
        expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/)]);
      },
      60_000,
    );

    buildx(
      'a build that is cut off ends its steps',
      async () => {
        writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nRUN echo begun; sleep 1234\n');
        const cli = suite.engine.dockerSpawn(['buildx', 'build', '--progress=plain', folder]);
        let said = '';
        cli.stderr?.on('data', (data: Buffer) => (said += data.toString()));
        const sleeping = async () => (await suite.engine.onHost('sh', ['-c', 'pgrep -fx "sleep 1234" || :'])).stdout !== '';
        await until('the step to run', async () => said.includes('begun') && (await sleeping()), 60_000);
        cli.kill('SIGINT');
        await ended(cli);
        await until('the step to be gone', async () => !(await sleeping()), 30_000);
      },
      120_000,
    );

    testWith('docker compose', dockerTakes('--with-dependencies', 'compose', 'build'))(
      'compose builds by its own client of the builder',
      async () => {
        const file = join(folder, 'compose.yaml');
        writeFileSync(
          file,
          'services: {one: {image: composed, build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo c > /c"}}}\n',
        );
        const env = { ...process.env, COMPOSE_BAKE: 'false' };
        const made = await suite.engine.docker(['compose', '-f', file, 'build'], { env, timeout: 60_000 });
        expect([made.code, made.stderr]).toEqual([0, expect.any(String)]);
        expect((await suite.engine.docker(['run', '--rm', 'composed', 'cat', '/c'])).stdout).toBe('c\n');
      },
      120_000,
    );

    buildx(
      'the cache is counted, pruned by the Engine API with its event, and built anew',
      async () => {
        const since = String(Math.floor(Date.now() / 1000));
        const du = async () => (await suite.engine.docker(['buildx', 'du'])).stdout;
        expect(await du()).toMatch(/^Total:\s+[1-9]/m);
        const df = await suite.engine.docker(['system', 'df', '--format', '{{.Type}} {{.TotalCount}}']);
        expect(df.stdout).toMatch(/Build Cache [1-9]/);
        expect((await suite.engine.docker(['builder', 'prune', '-af'])).stdout).toMatch(/Total:\s+[1-9]/);
        expect(await du()).toMatch(/^Total:\s+0B/m);
        // the CLI's own verb goes to the builder by itself, and tells nobody
        expect(await callApi(suite.engine, 'POST', '/build/prune?all=1')).toMatchObject({ status: 200 });
        const events = await suite.engine.docker([
          'events',
          '--since',
          since,
          '--until',
          String(Math.floor(Date.now() / 1000) + 1),
          '--filter',
          'type=builder',
          '--format',
          '{{.Action}}',
        ]);
        expect(events.stdout.trim()).toBe('prune');
        expect((await build(PLAIN, '-t', 'plain')).code).toBe(0);
        expect((await suite.engine.docker(['run', '--rm', 'plain'])).stdout).toBe('HELLO\n');
      },
      180_000,
    );
  },
  { separate: true },
);
