import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeEngine, dockerTakes, testWith } from './harness';

const buildx = testWith('docker buildx with caches in a folder', dockerTakes('--cache-to', 'buildx', 'build'));
const history = testWith('docker buildx history', dockerTakes('--format', 'buildx', 'history', 'ls'));

describeEngine("the builder's cache and records", (suite) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(suite.engine.folder, 'ctx-'));
  });

  const build = (dockerfile: string, ...args: string[]) => {
    writeFileSync(join(folder, 'Dockerfile'), dockerfile);
    return suite.engine.docker(['buildx', 'build', '--progress=plain', ...args, folder], { timeout: 120_000 });
  };
  // dockerd takes caches elsewhere on its containerd store only.
  const carries = suite.kind === 'gantry' ? buildx : testWith('a dockerd with the containerd image store', false);
  const cached = ({ stderr }: { stderr: string }): number => stderr.match(/^#\d+ CACHED$/gm)?.length ?? 0;

  carries(
    'a cache in a folder brings back what was pruned, and is not needed afterwards',
    async () => {
      writeFileSync(join(folder, 'a'), 'one\n');
      const file = 'FROM busybox\nCOPY a /a\nRUN date +%s > /t\nRUN cat /a /t > /both\nCMD ["cat", "/both"]\n';
      const cache = join(folder, 'cache');
      const first = await build(file, '-t', 'first', '--cache-to', `type=local,dest=${cache},mode=max`);
      expect(first.code).toBe(0);
      const { manifests } = JSON.parse(readFileSync(join(cache, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
      expect(manifests).toHaveLength(1);
      const made = (await suite.engine.docker(['run', '--rm', 'first'])).stdout;
      await suite.engine.docker(['rmi', '-f', 'first']);
      await suite.engine.docker(['buildx', 'prune', '-af']);
      const second = await build(file, '-t', 'second', '--cache-from', `type=local,src=${cache}`);
      expect([second.code, cached(second)]).toEqual([0, 3]);
      expect((await suite.engine.docker(['run', '--rm', 'second'])).stdout).toBe(made);
      expect(cached(await build(file))).toBe(3);
      writeFileSync(join(folder, 'a'), 'two\n');
      expect(cached(await build(file))).toBe(0);
    },
    240_000,
  );

  buildx(
    'what a step made in spite of the cache counts from then on',
    async () => {
      const file = 'FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /u\nRUN cp /u /v\nCMD ["cat", "/u", "/v"]\n';
      await build(file, '-t', 'before');
      await build(file, '-t', 'anew', '--no-cache');
      expect(cached(await build(file, '-t', 'after'))).toBe(2);
      const [before, anew, after] = await Promise.all(
        ['before', 'anew', 'after'].map(async (name) => (await suite.engine.docker(['run', '--rm', name])).stdout),
      );
      expect(anew).not.toBe(before);
      expect(after).toBe(anew);
    },
    180_000,
  );

  buildx(
    'two builds at once do the work once',
    async () => {
      const file = 'FROM busybox\nRUN sleep 2; cat /proc/sys/kernel/random/uuid\n';
      const outputs = await Promise.all([build(file, '-t', 'left'), build(file, '-t', 'right')]);
      expect(outputs.map(({ code }) => code)).toEqual([0, 0]);
      const said = outputs.map(({ stderr }) => /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(stderr)?.[0]);
      expect(said[0]).toBeDefined();
      expect(said[1]).toBe(said[0]);
    },
    120_000,
  );

  history(
    'records of builds are listed with logs, error and materials',
    async () => {
      await build('FROM busybox\nRUN echo told; exit 3\n');
      const logs = await suite.engine.docker(['buildx', 'history', 'logs', '--progress=plain']);
      expect(`${logs.stdout}${logs.stderr}`).toMatch(/^#\d+ [0-9.]+ told$/m);
      const failed = await suite.engine.docker(['buildx', 'history', 'inspect']);
      expect(failed.stdout).toMatch(/^Error:\s+.*exit code: 3$/m);
      await build('FROM busybox\nRUN echo fine\n');
      const fine = await suite.engine.docker(['buildx', 'history', 'inspect', '--format', 'json']);
      const told = JSON.parse(fine.stdout) as { Status: string; NumTotalSteps: number; Materials: { URI: string }[] };
      expect([told.Status, told.Materials[0]?.URI]).toEqual(['completed', expect.stringMatching(/^pkg:docker\/busybox@/)]);
      const { stdout } = await suite.engine.docker(['buildx', 'history', 'ls', '--format', '{{.Status}}']);
      expect(stdout.split('\n').slice(0, 2)).toEqual(['Completed', 'Error']);
    },
    120_000,
  );
});
