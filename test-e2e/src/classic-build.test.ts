import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callApi, describeEngine, ended, getFromHost, pinnedNode, until } from './harness';

/** Serves one file that was changed at a time, on a port of the loopback. */
const FILES = `
require('node:http').createServer((_request, response) => {
  response.setHeader('last-modified', new Date(Number(process.argv[2]) * 1000).toUTCString());
  response.end('hello');
}).listen(Number(process.argv[1]), '127.0.0.1');
`;

const ID = '[0-9a-f]{12}';
/** What a build told, with its ids as `ID`. */
const plain = (text: string): string[] =>
  text
    .replace(/[0-9a-f]{64}|[0-9a-f]{12}/g, 'ID')
    .replaceAll('\r', '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('Sending build context'));
/** Ids that a build told behind these words. */
const told = (stdout: string, before: string): string[] =>
  [...stdout.matchAll(new RegExp(`${before}(${ID})`, 'g'))].map(([, id]) => id ?? '');

describeEngine('the classic builder', (suite) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(suite.engine.folder, 'ctx-'));
    writeFileSync(join(folder, 'a'), 'hello\n');
  });

  const build = (dockerfile: string, ...args: string[]) => {
    writeFileSync(join(folder, 'Dockerfile'), dockerfile);
    return suite.engine.docker(['build', ...args, folder], { env: { ...process.env, DOCKER_BUILDKIT: '0' }, timeout: 120_000 });
  };
  const FILE = 'ARG V=latest\nFROM busybox:$V\nENV A=1\nCOPY a /x/\nRUN cat /x/a\nCMD ["cat", "/x/a"]\n';

  test('commands see a volume as the image has it, and what they write there is gone', async () => {
    const file = [
      'FROM busybox',
      'RUN mkdir -p /in/v && echo kept > /in/v/k && chmod 700 /in/v',
      'VOLUME /in/v /new',
      'RUN cat /in/v/k; stat -c %a /in/v; echo lost > /in/v/l; echo lost > /new/l; ls /in/v /new',
      'RUN ls /in/v /new',
      '',
    ].join('\n');
    const { code, stdout } = await build(file);
    expect(code).toBe(0);
    expect(stdout.replaceAll('\r', '')).toContain('\nkept\n700\n/in/v:\nk\nl\n\n/new:\nl\n');
    expect(stdout.replaceAll('\r', '')).toContain('\n/in/v:\nk\n\n/new:\n ---> Removed');
  });

  test('a base that is not there fails behind the step that names it', async () => {
    const { code, stdout, stderr } = await build('FROM nowhere.invalid/nothing:1\n');
    expect([code, plain(stdout)]).toEqual([1, ['Step 1/1 : FROM nowhere.invalid/nothing:1']]);
    expect(stderr).toContain('nowhere.invalid');
  });

  test('the ids of its steps are images, each made now and from the one before', async () => {
    const file = 'FROM busybox\nENV STEP=1\nRUN echo made > /made\nCMD ["cat", "/made"]\n';
    const started = Date.now() - 1000;
    const { stdout } = await build(file, '-t', 'classic:steps');
    const [base = '', , ran = '', last = ''] = [...stdout.matchAll(new RegExp(`---> (${ID})\r?\n`, 'g'))].map(([, id = '']) => id);
    const { docker } = suite.engine;
    expect((await docker(['run', '--rm', ran, 'cat', '/made'])).stdout).toBe('made\n');
    const history = await docker(['history', '--format', '{{.ID}} {{.CreatedBy}}', '--no-trunc=false', 'classic:steps']);
    const lines = history.stdout.trim().split('\n');
    expect(lines[0]).toMatch(new RegExp(`^${last} /bin/sh -c #\\(nop\\)  CMD `));
    expect(lines[1]).toBe(`${ran} /bin/sh -c echo made > /made`);
    expect(lines[3]?.split(' ')[0]).toBe(base);
    const times = await docker(['image', 'inspect', '-f', '{{.Created}}', ran, 'classic:steps']);
    for (const created of times.stdout.trim().split('\n')) expect(Date.parse(created)).toBeGreaterThan(started);
    expect((await docker(['images', '-q'])).stdout).not.toContain(ran);
    expect((await docker(['rmi', 'classic:steps'])).code).toBe(0);
    expect((await docker(['image', 'inspect', ran])).code).toBe(1);
  });

  test('each instruction is told, cached the next time, and the image runs', async () => {
    const first = await build(FILE, '-t', 'classic:1', '--build-arg', 'UNUSED=1');
    const running = [' ---> Running in ID', ' ---> Removed intermediate container ID'];
    expect([first.code, plain(first.stdout)]).toEqual([
      0,
      [
        'Step 1/6 : ARG V=latest',
        'Step 2/6 : FROM busybox:$V',
        ' ---> ID',
        'Step 3/6 : ENV A=1',
        ...running,
        ' ---> ID',
        'Step 4/6 : COPY a /x/',
        ' ---> ID',
        'Step 5/6 : RUN cat /x/a',
        running[0],
        'hello',
        running[1],
        ' ---> ID',
        'Step 6/6 : CMD ["cat", "/x/a"]',
        ...running,
        ' ---> ID',
        '[Warning] One or more build-args [UNUSED] were not consumed',
        'Successfully built ID',
        'Successfully tagged classic:1',
      ],
    ]);
    const id = new RegExp(`Successfully built (${ID})`).exec(first.stdout)?.[1] ?? '';
    const found = await suite.engine.docker(['image', 'inspect', '-f', '{{.RepoTags}}', id]);
    expect(found.stdout).toBe('[classic:1]\n');
    expect((await suite.engine.docker(['run', '--rm', 'classic:1'])).stdout).toBe('hello\n');
    const second = await build(FILE, '--label', 'l=m');
    expect(plain(second.stdout).filter((line) => line === ' ---> Using cache')).toHaveLength(4);
    expect(plain(second.stdout).at(-5)).toBe('Step 7/7 : LABEL l=m');
    const quiet = await build(FILE, '-q');
    expect(quiet.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  }, 180_000);

  test('a command that fails is told with its exit code', async () => {
    const { code, stdout, stderr } = await build('FROM busybox\nRUN echo out; exit 3\n');
    expect(stderr).toContain("The command '/bin/sh -c echo out; exit 3' returned a non-zero code: 3");
    await suite.engine.docker(['rm', ...told(stdout, ' ---> Running in ')]);
    expect([code, plain(stdout).slice(-2)]).toEqual([3, [' ---> Running in ID', 'out']]);
  }, 60_000);

  describe('containers of steps that are not removed', () => {
    const container = async (id: string) =>
      JSON.parse((await suite.engine.docker(['inspect', id, '--format', '{{json .}}'])).stdout) as {
        Id: string;
        Image: string;
        State: { Status: string; ExitCode: number; StartedAt: string; FinishedAt: string };
        Config: { Image: string; Cmd: string[]; Env: string[]; Labels: Record<string, string> };
        HostConfig: { Memory: number; CpuShares: number; CpusetCpus: string; Ulimits: unknown };
      };
    test('are there by the ids that were told, on the images that were told, with what they wrote and the limits of the build', async () => {
      const { docker } = suite.engine;
      const limits = ['--memory=64m', '--cpu-shares=100', '--cpuset-cpus=0', '--ulimit', 'nofile=50'];
      const { code, stdout, stderr } = await build(
        'FROM busybox\nARG WORD=none\nRUN echo $WORD > /kept\nENV A=1\nCOPY a /x/\n',
        ...['--rm=false', '--no-cache', '--build-arg', 'WORD=hello', '--label', 'classic=kept', ...limits],
      );
      expect([code, code === 0 ? '' : stderr, stdout.includes('Removed intermediate')]).toEqual([0, '', false]);
      const ids = told(stdout, ' ---> Running in ');
      try {
        // ARG, RUN, ENV and LABEL have containers, FROM and COPY none
        expect(ids).toHaveLength(4);
        const [, ran, env, label] = await Promise.all(ids.map(container));
        const images = told(stdout, '\n ---> (?!Running)');
        expect(ran?.State).toMatchObject({ Status: 'exited', ExitCode: 0 });
        expect(ran?.State.FinishedAt.startsWith('0001')).toBe(false);
        expect(ran?.Config).toMatchObject({ Cmd: ['/bin/sh', '-c', 'echo $WORD > /kept'] });
        expect(ran?.Config.Env).toContain('WORD=hello');
        // busybox, ARG's image, RUN's image …
        expect([ran?.Config.Image, env?.Config.Image].map((id) => id?.slice(7, 19))).toEqual([images[1], images[2]]);
        expect(ran?.HostConfig).toMatchObject({
          Memory: 64 << 20,
          CpuShares: 100,
          CpusetCpus: '0',
          Ulimits: [{ Name: 'nofile', Hard: 50, Soft: 50 }],
        });
        expect(env).toMatchObject({ State: { Status: 'created' }, Config: { Cmd: ['/bin/sh', '-c', '#(nop) ', 'ENV A=1'] } });
        expect(env?.Config.Env).toContain('A=1');
        expect(label?.Config.Labels).toEqual({ classic: 'kept' });
        expect((await docker(['diff', ids[1] ?? ''])).stdout).toBe('A /kept\n');
        expect((await docker(['ps', '-lq', '--filter', 'label=classic=kept'])).stdout.trim()).toBe(ids[3]);
      } finally {
        await docker(['rm', '-f', ...ids]);
      }
    }, 60_000);

    test('are there where their command failed, for who looks into it, unless all are removed by force', async () => {
      const { docker } = suite.engine;
      const file = 'FROM busybox\nRUN echo first > /first\nRUN echo second > /second; exit 3\n';
      const { code, stdout } = await build(file, '--no-cache');
      const [gone = '', failed = ''] = told(stdout, ' ---> Running in ');
      try {
        expect([code, told(stdout, 'Removed intermediate container ')]).toEqual([3, [gone]]);
        expect((await docker(['inspect', gone])).code).toBe(1);
        expect((await container(failed)).State).toMatchObject({ Status: 'exited', ExitCode: 3 });
        await docker(['commit', failed, 'classic:failed']);
        expect((await docker(['run', '--rm', 'classic:failed', 'cat', '/first', '/second'])).stdout).toBe('first\nsecond\n');
        const forced = await build(file, '--no-cache', '--force-rm');
        const ids = told(forced.stdout, ' ---> Running in ');
        expect([forced.code, ids.length, told(forced.stdout, 'Removed intermediate container ')]).toEqual([3, 2, ids]);
        expect((await docker(['ps', '-aq', '--filter', `id=${ids[1]}`])).stdout).toBe('');
      } finally {
        await docker(['rm', '-f', failed]);
        await docker(['rmi', '-f', 'classic:failed']);
      }
    }, 60_000);
  });

  test('all stages up to the target are built, in their order', async () => {
    const { stdout } = await build(
      'FROM busybox AS a\nRUN echo 1 > /f\nFROM busybox AS b\nRUN echo 2 > /f\nCOPY --from=a /f /g\nFROM a\nRUN false\n',
      '--target',
      'b',
      '-t',
      'classic:2',
    );
    expect(plain(stdout).filter((line) => line.startsWith('Step'))).toEqual([
      'Step 1/5 : FROM busybox AS a',
      'Step 2/5 : RUN echo 1 > /f',
      'Step 3/5 : FROM busybox AS b',
      'Step 4/5 : RUN echo 2 > /f',
      'Step 5/5 : COPY --from=a /f /g',
    ]);
    expect((await suite.engine.docker(['run', '--rm', 'classic:2', 'cat', '/f', '/g'])).stdout).toBe('2\n1\n');
  }, 120_000);

  test.each([
    ['COPY a Dockerfile /d', 'When using COPY with more than one source file, the destination must be a directory and end with a /'],
    ['COPY nope /d', 'COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist'],
    ['COPY --chown=nobdy a /d', "can't find uid for user nobdy: no such user: nobdy"],
    ['RUN --mount=type=cache,target=/x true', 'the --mount option requires BuildKit'],
  ])(
    '%s is refused',
    async (instruction, message) => {
      const { code, stderr } = await build(`FROM busybox\n${instruction}\n`);
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    },
    60_000,
  );

  test('a Dockerfile that .dockerignore leaves out is read, and not copied', async () => {
    writeFileSync(join(folder, '.dockerignore'), 'Dockerfile\n.dockerignore\n');
    const { stdout } = await build('FROM busybox\nCOPY . /x/\nRUN ls -A /x\n');
    rmSync(join(folder, '.dockerignore'));
    expect(plain(stdout).slice(5, 7)).toEqual([' ---> Running in ID', 'a']);
  }, 60_000);

  test('an instruction that cannot be read is told behind those before it', async () => {
    const { stdout, stderr } = await build('FROM busybox\nCOPY a /x/\nSTOPSIGNAL NONE\nRUN true\n', '--label', 'a=b', '--label', 'c=d');
    const lines = ['Step 1/6 : FROM busybox', ' ---> ID', 'Step 2/6 : COPY a /x/', ' ---> ID', 'Step 3/6 : STOPSIGNAL NONE'];
    expect(plain(stdout).filter((line) => line !== ' ---> Using cache')).toEqual(lines);
    expect(stderr).toContain('invalid signal: NONE');
  }, 60_000);

  test('ENV stays before ARG, and folders of WORKDIR belong to root', async () => {
    const { stdout } = await build('FROM busybox\nENV A=env\nARG A=arg\nUSER 1000\nWORKDIR /w\nRUN echo "$A $(stat -c %u /w)"\n');
    expect(plain(stdout)).toContain('env 0');
  }, 60_000);

  test('what a build makes is created and tagged, for those who listen', async () => {
    const before = Math.floor(Date.now() / 1000) - 1;
    await build('FROM busybox\nRUN echo told\n', '-t', 'classic:told', '--no-cache');
    const id = (await suite.engine.docker(['image', 'inspect', '-f', '{{.Id}}', 'classic:told'])).stdout.trim();
    const until = String(Math.ceil(Date.now() / 1000) + 1);
    const filters = encodeURIComponent(JSON.stringify({ type: ['image'] }));
    const { body } = await callApi(suite.engine, 'GET', `/events?since=${before}&until=${until}&filters=${filters}`);
    const told = body.split('\n').filter((line) => line.includes(id));
    expect(told.filter((line) => line.includes('"Action":"create"'))).toHaveLength(1);
    expect(told.filter((line) => line.includes('"Action":"tag"') && line.includes('"classic:told"'))).toHaveLength(1);
  }, 60_000);

  test('each stage leaves its image, and an image is as old as its last step', async () => {
    const file = 'FROM busybox\nLABEL classic=stage\nFROM busybox\nLABEL classic=last\n';
    await build(file, '-t', 'classic:stages');
    const { stdout } = await suite.engine.docker(['images', '-q', '--filter', 'label=classic=stage']);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    const created = async (): Promise<string> =>
      (await suite.engine.docker(['image', 'inspect', '-f', '{{.Created}}', 'classic:stages'])).stdout;
    const first = await created();
    expect(Math.abs(Date.now() - Date.parse(first.trim()))).toBeLessThan(60_000);
    await build(file, '-t', 'classic:stages');
    expect(await created()).toBe(first);
    await build(file, '-t', 'classic:stages', '--no-cache');
    expect(await created()).not.toBe(first);
  }, 120_000);

  test('containers of an image are those of its ancestors, too', async () => {
    await build('FROM busybox\nLABEL line=1\n', '-t', 'classic:mother');
    await build('FROM classic:mother\nLABEL line=2\nLABEL line=3\n', '-t', 'classic:child');
    const { stdout } = await suite.engine.docker(['create', 'classic:child', 'true']);
    const found = async (image: string): Promise<string> =>
      (await suite.engine.docker(['ps', '-aq', '--no-trunc', '--filter', `ancestor=${image}`])).stdout;
    expect([await found('busybox'), await found('classic:mother'), await found('classic:child')]).toEqual([stdout, stdout, stdout]);
    await build('FROM scratch\nLABEL line=4\n', '-t', 'classic:stranger');
    expect(await found('classic:stranger')).toBe('');
    await suite.engine.docker(['rm', stdout.trim()]);
  }, 120_000);

  test('triggers run in each stage that is made from theirs, also in one that no other needs', async () => {
    const file =
      "FROM busybox AS one\nONBUILD RUN echo 'foo' > /made\nONBUILD ENV bar=baz\nFROM one\nRUN cat /made\nFROM one\nRUN cat /made\n";
    const { code, stdout } = await build(file, '-t', 'classic:triggers', '--no-cache');
    expect([code, plain(stdout).filter((line) => line === '# Executing 2 build triggers').length]).toEqual([0, 2]);
    expect((await suite.engine.docker(['run', '--rm', 'classic:triggers', 'sh', '-c', 'echo $bar'])).stdout).toBe('baz\n');
  }, 120_000);

  test('--cache-from an image that is not there means no cache, one that is there means all of it', async () => {
    const file = 'FROM busybox\nENV CACHED=1\nCOPY a /x/\n';
    const hits = (text: string): number => plain(text).filter((line) => line === ' ---> Using cache').length;
    await build(file, '-t', 'classic:from');
    expect(hits((await build(file, '--cache-from', 'classic:nowhere')).stdout)).toBe(0);
    expect(hits((await build(file, '--cache-from', 'classic:from')).stdout)).toBe(2);
  }, 120_000);

  test('--cache-from takes the image that it names, of several of one step the first of those', async () => {
    const file = 'FROM busybox\nENV NAMED=1\nRUN cat /proc/sys/kernel/random/uuid > /uuid\nENV NAMED=2\n';
    const id = async (name: string): Promise<string> => (await suite.engine.docker(['inspect', '-f', '{{.Id}}', name])).stdout;
    for (const name of ['classic:named1', 'classic:named2', 'classic:named3']) await build(file, '-t', name, '--no-cache');
    const built = async (...sources: string[]): Promise<string> => {
      await build(file, '-t', 'classic:named', ...sources.flatMap((name) => ['--cache-from', name]));
      return id('classic:named');
    };
    expect(await built('classic:named2')).toBe(await id('classic:named2'));
    expect(await built('classic:nowhere', 'classic:named1', 'classic:named2')).toBe(await id('classic:named1'));
    expect(await built()).toBe(await id('classic:named3'));
    await build('FROM busybox\nENV OTHER=1\n', '-t', 'classic:other');
    expect((await build(file, '--cache-from', 'classic:other')).stdout).not.toContain('Using cache');
  }, 120_000);

  test('what was made before counts as long as its image is there', async () => {
    const file = 'FROM busybox\nCOPY a /gone/\nENV GONE=1\nRUN echo ran-$((40 + 2))\nRUN echo last-$((40 + 2))\n';
    const seen = async (): Promise<unknown> => {
      const { code, stdout } = await build(file, '-t', 'classic:gone');
      return [code, plain(stdout).filter((line) => line === ' ---> Using cache').length, stdout.match(/(ran|last)-42/g) ?? []];
    };
    expect(await seen()).toEqual([0, 0, ['ran-42', 'last-42']]);
    expect(await seen()).toEqual([0, 4, []]);
    const { stdout: gone } = await suite.engine.docker(['rmi', 'classic:gone']);
    expect(gone.match(/^Deleted: /gm)).toHaveLength(4);
    expect(await seen()).toEqual([0, 0, ['ran-42', 'last-42']]);
    expect(await seen()).toEqual([0, 4, []]);
  }, 120_000);

  test('an image that loses its name to a build stays without one, and counts', async () => {
    const one = async (label: string): Promise<string> => {
      const { code, stdout } = await build(`FROM busybox\nLABEL lost=${label}\n`, '-q', '-t', 'classic:lost');
      expect(code).toBe(0);
      return stdout.trim();
    };
    const nameless = async (): Promise<string[]> =>
      (await suite.engine.docker(['image', 'ls', '-q', '--no-trunc', '--filter', 'dangling=true', '--filter', 'label=lost'])).stdout.split(
        '\n',
      );
    const first = await one('a');
    const second = await one('b');
    expect(second).not.toBe(first);
    expect(await nameless()).toEqual([first, '']);
    expect(await one('a')).toBe(first);
    expect(await nameless()).toEqual([second, '']);
    await suite.engine.docker(['rmi', 'classic:lost', second]);
  }, 120_000);

  test('of several images of one step one that is there counts', async () => {
    const file = (last: string): string => `FROM busybox\nENV SEVERAL=1\nADD a /several/\nRUN touch /${last}\n`;
    const hits = async (last: string, name: string, ...args: string[]): Promise<number> =>
      plain((await build(file(last), '-t', name, ...args)).stdout).filter((line) => line === ' ---> Using cache').length;
    expect(await hits('one', 'classic:several')).toBe(0);
    expect(await hits('one', 'classic:again', '--no-cache')).toBe(0);
    expect((await suite.engine.docker(['rmi', 'classic:again'])).code).toBe(0);
    expect(await hits('two', 'classic:again')).toBe(2);
    const layers = async (name: string): Promise<string[]> =>
      JSON.parse((await suite.engine.docker(['image', 'inspect', '-f', '{{json .RootFS.Layers}}', name])).stdout) as string[];
    expect((await layers('classic:again')).slice(0, -1)).toEqual((await layers('classic:several')).slice(0, -1));
  }, 120_000);

  test('what two stages have in common is made once', async () => {
    const file = 'FROM busybox\nCOPY a /twice/\nRUN echo ran-$((40 + 2))\nFROM busybox\nCOPY a /twice/\nRUN echo ran-$((40 + 2))\n';
    const { code, stdout } = await build(file, '-t', 'classic:twice');
    expect([code, stdout.match(/Using cache|ran-42/g)]).toEqual([0, ['ran-42', 'Using cache', 'Using cache']]);
  }, 120_000);

  test("commands run on a network of the engine's, on a container's and on none", async () => {
    const { docker } = suite.engine;
    await docker(['network', 'create', 'classic-net']);
    await docker([
      'run',
      '-d',
      '--name',
      'classic-peer',
      '--network',
      'classic-net',
      '--hostname',
      'peer',
      'busybox',
      'sh',
      '-c',
      'nc -ll -p 1234 -e hostname',
    ]);
    try {
      const ask = (host: string, network: string) =>
        build(`FROM busybox\nRUN for i in 1 2 3 4 5; do nc ${host} 1234 && break; sleep 0.3; done\n`, '--no-cache', `--network=${network}`);
      for (const [host, network] of [
        ['classic-peer', 'classic-net'],
        ['localhost', 'container:classic-peer'],
        ['classic-peer', 'container:classic-peer'],
      ] as const)
        expect((await ask(host, network)).stdout).toContain('\npeer\n');
      expect((await build('FROM busybox\nRUN ip route | wc -l\n', '--no-cache', '--network=none')).stdout).toContain('\n0\n');
      expect(await ask('localhost', 'nowhere')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('network nowhere not found') as string,
      });
      await docker(['rm', '-f', 'classic-peer']);
      expect((await ask('localhost', 'container:classic-peer')).stderr).toContain('No such container: classic-peer');
    } finally {
      await docker(['rm', '-f', 'classic-peer']);
      await docker(['network', 'rm', 'classic-net']);
    }
  }, 120_000);

  test('nothing of a context is left, also when the build fails', async () => {
    const tmp = join((await suite.engine.docker(['info', '-f', '{{.DockerRootDir}}'])).stdout.trim(), 'tmp');
    const left = (): string[] => readdirSync(tmp, { recursive: true }).map(String).sort();
    const before = left();
    expect((await build('FROM busybox\nCOPY a /left\n')).code).toBe(0);
    expect((await build('FROM busybox\nRUN /not/there\n')).code).toBe(127);
    expect(left()).toEqual(before);
  }, 120_000);

  test('a file of the web is known by what it is, not by where it lies; without the cache its time is that of now', async () => {
    const serve = (port: number, time: number): ChildProcess =>
      spawn('nsenter', [`--net=/run/netns/${suite.engine.netns}`, pinnedNode, '-e', FILES, String(port), String(time)], {
        stdio: 'ignore',
      });
    const [one, two] = [8101, 8102];
    const servers = [serve(one, 1000), serve(two, 2000)];
    try {
      for (const port of [one, two])
        await until('files to be served', async () => (await getFromHost(suite.engine, '127.0.0.1', port)) !== '');
      const add = async (port: number, tag: string, ...args: string[]) => {
        const { stdout } = await build(`FROM busybox\nADD http://127.0.0.1:${port}/f /f\n`, '-t', tag, ...args);
        const { docker } = suite.engine;
        const time = (await docker(['run', '--rm', tag, 'stat', '-c', '%Y', '/f'])).stdout.trim();
        const image = (await docker(['image', 'inspect', '-f', '{{.Id}}', tag])).stdout.trim();
        return { cached: stdout.includes('Using cache'), time, image };
      };
      const first = await add(one, 'classic:web1');
      expect([first.time, first.cached]).toEqual(['1000', false]);
      expect(await add(two, 'classic:web2')).toEqual({ ...first, cached: true });
      const { stdout } = await suite.engine.docker(['history', '--no-trunc', '--format', '{{.CreatedBy}}', 'classic:web2']);
      expect(stdout.split('\n')[0]).toMatch(/^\/bin\/sh -c #\(nop\) ADD [0-9a-f]{64} in \/f/);
      expect((await add(two, 'classic:web3', '--no-cache')).time).toBe('2000');
    } finally {
      for (const server of servers) server.kill('SIGKILL');
      await Promise.all(servers.map(ended));
    }
  }, 120_000);

  test('a volume lies over a link that leads nowhere, and no file goes where that points on the host', async () => {
    const away = join(suite.engine.folder, 'away');
    const { code, stderr } = await build(`FROM busybox\nRUN ln -s /../../..${away} /x\nVOLUME /x\nADD a /x/\n`);
    expect([code, code === 0 ? '' : stderr, existsSync(away)]).toEqual([0, '', false]);
  }, 60_000);

  test('events tell of the container of a step, and of its end when its client goes', async () => {
    const { docker, folder: top } = suite.engine;
    const since = String(Date.now() / 1000);
    const context = mkdtempSync(join(top, 'sleep-'));
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN sleep 31536000\n');
    const going = spawn('docker', ['-H', `unix://${suite.engine.socket}`, 'build', context], {
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
      stdio: 'ignore',
    });
    const ofSteps = async (until: string) => {
      const { stdout } = await docker([
        'events',
        '--since',
        since,
        '--until',
        until,
        '--filter',
        'type=container',
        '--format',
        '{{.Action}} {{.ID}}',
      ]);
      return stdout.trim().split('\n');
    };
    let id = '';
    try {
      await until('the step to start', async () => {
        id = (await ofSteps(String(Date.now() / 1000))).find((line) => line.startsWith('start '))?.split(' ')[1] ?? '';
        return id !== '';
      });
    } finally {
      going.kill('SIGKILL');
      await ended(going);
    }
    await until('its end', async () => (await ofSteps(String(Date.now() / 1000))).includes(`die ${id}`));
  }, 60_000);

  test('a Dockerfile from standard input beside a folder', async () => {
    const { code, stderr } = await suite.engine.docker(['build', '-f', '-', folder], {
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
      input: 'FROM busybox\nCOPY a /x/\n',
      timeout: 60_000,
    });
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  }, 60_000);

  test.each([
    ['FROM busybox\nRUN touch /f\nVOLUME /f', 'file exists'],
    ['FROM busybox\nCOPY --from=nowhere/at-all:1 a /', 'invalid from flag value nowhere/at-all:1'],
    ['FROM busybox\nCOPY --from=0 a /', 'invalid from flag value 0: refers to current build stage'],
  ])(
    '%j is refused',
    async (file, message) => {
      const { code, stderr } = await build(`${file}\n`);
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    },
    60_000,
  );

  test('what the classic builder reads in its own way: RUN [], the default of ARG in the history, the folder of scratch', async () => {
    await build('FROM busybox\nRUN []\nARG V=default\n', '-t', 'classic:own', '--build-arg', 'V=given');
    expect((await suite.engine.docker(['history', '--no-trunc', 'classic:own'])).stdout).toContain('ARG V=default');
    await build('FROM scratch\nENV A=1\n', '-t', 'classic:scratch');
    expect((await suite.engine.docker(['image', 'inspect', '-f', '[{{.Config.WorkingDir}}]', 'classic:scratch'])).stdout).toBe('[]\n');
    const { stdout } = await build('FROM busybox\n', '--build-arg', 'NOBODY');
    expect(stdout).toContain('[Warning] One or more build-args [NOBODY] were not consumed');
  }, 120_000);
});
