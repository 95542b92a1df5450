import { createServer } from 'node:http';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describeEngine, dockerTakes, hasProgram, testWith } from './harness';

interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Provenance {
  readonly metadata: Readonly<Record<string, { readonly sysUsage?: readonly object[] }>>;
}
const BUILDKIT = 'https://mobyproject.org/buildkit@v1#metadata';

/** What clients do with the record of a build: look at it, take it elsewhere, remove it. */
describeEngine('records of builds', (suite) => {
  const capable = (what: string, is: boolean) =>
    suite.kind === 'gantry' ? testWith(what, is) : testWith('a dockerd with the containerd image store', false);
  const exports = dockerTakes('--finalize', 'buildx', 'history', 'export');
  const history = capable('docker buildx history with export', exports && hasProgram('tar'));
  const buildx = capable('docker buildx', dockerTakes('--metadata-file', 'buildx', 'build'));

  let folder: string;
  const docker = (args: string[], options?: Parameters<typeof suite.engine.docker>[1]) => suite.engine.docker(args, options);
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await docker(args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  };
  /** The reference of the newest record. */
  const newest = async (): Promise<string> => {
    const first = JSON.parse((await ok('buildx', 'history', 'ls', '--format', 'json')).split('\n')[0] ?? '') as { ref: string };
    return first.ref.split('/').at(-1) ?? '';
  };
  beforeAll(() => {
    folder = mkdtempSync(join(suite.engine.folder, 'records-'));
    writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nCOPY a /a\nRUN cat /a; echo said\n');
    writeFileSync(join(folder, 'a'), 'from the context\n');
  });

  history(
    'a bundle holds the record, its trace, its progress and its statements',
    async () => {
      await ok('build', '-t', 'recorded', folder);
      const ref = await newest();
      const bundle = join(folder, 'one.dockerbuild');
      await ok('buildx', 'history', 'export', '--finalize', '-o', bundle, ref);
      const read = (path: string): Buffer => execFileSync('tar', ['-xzOf', bundle, path.replace(':', '/')], { maxBuffer: 1 << 26 });
      const blob = <T>(digest: string): T => JSON.parse(read(`blobs/${digest}`).toString()) as T;
      const { manifests } = JSON.parse(read('index.json').toString()) as { manifests: Described[] };
      const { config, layers } = blob<{ config: Described; layers: Described[] }>(manifests[0]?.digest ?? '');
      expect([manifests.length, config.mediaType]).toEqual([1, 'application/vnd.buildkit.historyrecord.v0']);
      expect(blob(config.digest)).toMatchObject({ Ref: ref, numTotalSteps: 8, numCompletedSteps: 8 });
      expect(layers.map(({ mediaType }) => mediaType)).toEqual([
        'application/vnd.buildkit.otlp.json.v0',
        'application/vnd.buildkit.status.v0',
        'application/vnd.in-toto+json',
        'application/json',
      ]);
      const [trace, status, statement] = layers.map(({ digest }) => read(`blobs/${digest}`).toString());
      expect(trace).toContain('"Name": "moby.buildkit.v1.Control/Solve"');
      expect(status).toContain('from the context\nsaid\n');
      const provenance = JSON.parse(statement ?? '') as Provenance;
      expect(provenance.metadata[BUILDKIT]?.sysUsage?.at(-1)).toMatchObject({ cpuStat: { user: expect.any(Number) as number } });
      const all = await docker(['buildx', 'history', 'export', '--all', '-o', join(folder, 'all.dockerbuild')]);
      expect(all.code).toBe(0);
      expect((await docker(['buildx', 'history', 'export', '-o', join(folder, 'none'), 'nobody'])).code).not.toBe(0);
    },
    180_000,
  );

  history(
    'a bundle is imported by what stands for Docker Desktop',
    async () => {
      await ok('build', folder);
      const bundle = join(folder, 'two.dockerbuild');
      await ok('buildx', 'history', 'export', '-o', bundle, await newest());
      const home = join(folder, 'home');
      mkdirSync(join(home, '.docker/desktop'), { recursive: true });
      const uploads: { path: string | undefined; body: Buffer }[] = [];
      const desktop = createServer((request, response) => {
        void buffer(request).then((body) => {
          uploads.push({ path: request.url, body });
          response.end('{"builds":["imported"]}');
        });
      });
      await new Promise<void>((resolve) => desktop.listen(join(home, '.docker/desktop/docker-desktop-build.sock'), resolve));
      try {
        const env = { ...process.env, HOME: home, BROWSER: 'true' };
        const { stderr } = await docker(['buildx', 'history', 'import', '-f', bundle], { env });
        expect([uploads.map(({ path }) => path), stderr]).toEqual([['/upload'], expect.any(String)]);
        expect(uploads[0]?.body.includes(readFileSync(bundle))).toBe(true);
      } finally {
        await new Promise((resolve) => desktop.close(resolve));
      }
    },
    120_000,
  );

  history(
    'attachments are told by their type, logs also as they came, and lists by what they are filtered by',
    async () => {
      await ok('build', '-t', 'recorded', folder);
      const ref = await newest();
      const whole = JSON.parse(await ok('buildx', 'history', 'inspect', 'attachment', ref, '--type', 'provenance')) as Provenance;
      expect(Object.keys(whole)).toEqual(expect.arrayContaining(['builder', 'buildType', 'materials', 'invocation', 'metadata']));
      const none = await docker(['buildx', 'history', 'inspect', 'attachment', ref, '--type', 'sbom']);
      expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('no matching attachment found')]);
      const raw = await docker(['buildx', 'history', 'logs', '--progress=rawjson', ref]);
      const told = `${raw.stdout}${raw.stderr}`.trim().split('\n');
      const names = told.flatMap((line) => (JSON.parse(line) as { vertexes?: { name: string }[] }).vertexes ?? []).map(({ name }) => name);
      expect(new Set(names)).toContain('[3/3] RUN cat /a; echo said');
      const list = async (...filters: string[]): Promise<string[]> => {
        const lines = await ok('buildx', 'history', 'ls', '--format', 'json', ...filters.flatMap((filter) => ['--filter', filter]));
        return lines
          .split('\n')
          .flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { ref: string }).ref.split('/').at(-1) ?? '']));
      };
      expect(await list('status=completed', `ref=${ref}`)).toEqual([ref]);
      expect(await list('status=error', `ref=${ref}`)).toEqual([]);
      expect(await list('duration<1us')).toEqual([]);
      expect((await docker(['buildx', 'history', 'ls', '--filter', 'nothing=x'])).code).not.toBe(0);
    },
    120_000,
  );

  history(
    'a record that is removed is gone with what was held for it, and the others stay',
    async () => {
      await ok('build', '--no-cache', folder);
      const [kept, lost] = [await newest(), (await ok('build', '--no-cache', folder), await newest())];
      expect(lost).not.toBe(kept);
      await ok('buildx', 'history', 'rm', lost);
      expect((await docker(['buildx', 'history', 'inspect', lost])).code).not.toBe(0);
      expect((await docker(['buildx', 'history', 'logs', lost])).code).not.toBe(0);
      expect((await docker(['buildx', 'history', 'inspect', kept])).code).toBe(0);
      await ok('buildx', 'history', 'rm', '--all');
      expect(await ok('buildx', 'history', 'ls', '--format', 'json')).toBe('');
    },
    120_000,
  );

  buildx(
    'who asks for it is told in the image how busy the host was, others are not',
    async () => {
      const usage = async (asked: string): Promise<readonly object[] | undefined> => {
        const out = mkdtempSync(join(folder, 'out-'));
        await ok('build', `--attest=type=provenance,${asked}`, '-o', `type=local,dest=${out}`, folder);
        const { predicate } = JSON.parse(readFileSync(join(out, 'provenance.json'), 'utf8')) as { predicate: Provenance };
        return predicate.metadata[BUILDKIT]?.sysUsage;
      };
      expect((await usage('mode=min,capture-usage=true'))?.at(-1)).toMatchObject({ memoryStat: { total: expect.any(Number) as number } });
      expect(await usage('mode=max')).toBeUndefined();
    },
    120_000,
  );
});
