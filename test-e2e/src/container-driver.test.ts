import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  buildkitd,
  dockerTakes,
  type Engine,
  hasProgram,
  loadBusybox,
  type Registry,
  removeGroups,
  startEngine,
  startRegistry,
  testWith,
} from './harness';

const buildctl = join(dirname(buildkitd), 'buildctl');
const given = buildkitd !== '' && existsSync(buildctl) && hasProgram('runc') && hasProgram('docker-registry');
const buildx = testWith(
  'GANTRY_BUILDKITD (a static buildkitd, buildctl beside it), runc, docker-registry and docker buildx',
  given && dockerTakes('--driver-opt', 'buildx', 'create'),
);

/** Programs of BuildKit's image, where they lie in it; those that are linked dynamically with their libraries. */
function packInto(folder: string): void {
  const put = (from: string, to: string): void => {
    mkdirSync(join(folder, dirname(to)), { recursive: true });
    copyFileSync(from, join(folder, to));
  };
  const runc = execFileSync('sh', ['-c', 'PATH=$PATH:/usr/sbin:/sbin command -v runc'], { encoding: 'utf8' }).trim();
  for (const [from, name] of [
    [buildkitd, 'buildkitd'],
    [buildctl, 'buildctl'],
    [runc, 'buildkit-runc'],
  ] as const)
    put(from, `usr/bin/${name}`);
  const libraries = execFileSync('ldd', [runc], { encoding: 'utf8' }).matchAll(/(\/\S+) \(/g);
  for (const [, path = ''] of libraries) put(path, basename(path).startsWith('ld-') ? path : `lib/${basename(path)}`);
}

describe("buildx's docker-container driver: BuildKit's daemon in a container of ours", () => {
  const group = `/gantry-driver-${process.pid}`;
  let engine: Engine;
  let registry: Registry | undefined;
  let folder: string;
  const run = (...args: string[]) =>
    engine.docker(args, { env: { ...process.env, BUILDX_CONFIG: join(engine.folder, 'buildx') }, timeout: 240_000 });
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    return stdout + stderr;
  };
  beforeAll(async () => {
    engine = await startEngine();
    if (!given) return;
    await loadBusybox(engine);
    registry = await startRegistry(engine);
    await ok('tag', 'busybox', `${registry.name}/busybox`);
    await ok('push', '-q', `${registry.name}/busybox`);
    folder = join(engine.folder, 'driver');
    packInto(join(folder, 'root'));
    writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nCOPY root /\nENTRYPOINT ["buildkitd"]\n');
    await ok('buildx', 'build', '-t', 'buildkit:packed', folder);
  }, 300_000);
  afterAll(async () => {
    await registry?.stop();
    await engine?.destroy();
    await removeGroups(group);
  }, 120_000);

  buildx(
    'boots it, builds, loads, pushes, finds its cache again after a stop, and takes all away',
    async () => {
      const name = registry?.name ?? '';
      const context = join(engine.folder, 'inner');
      mkdirSync(context);
      const file = [
        `FROM ${name}/busybox`,
        'RUN --mount=type=cache,target=/c echo inner >> /c/log && cat /c/log > /made',
        'RUN --mount=type=secret,id=s,required wc -c < /run/secrets/s >> /made',
        'CMD ["cat", "/made"]',
      ];
      writeFileSync(join(context, 'Dockerfile'), `${file.join('\n')}\n`);
      writeFileSync(join(context, 's'), 'secret\n');
      const options = ['image=buildkit:packed', 'network=host', `cgroup-parent=${group}`, 'memory=512m', 'env.INNER=1'];
      const flags = options.flatMap((option) => ['--driver-opt', option]);
      await ok('buildx', 'create', '--name', 'inner', '--driver', 'docker-container', ...flags);
      expect(await ok('buildx', 'inspect', '--bootstrap', 'inner')).toMatch(/Status: +running/);
      expect(await ok('ps', '--format', '{{.Names}} {{.Image}}')).toBe('buildx_buildkit_inner0 buildkit:packed\n');
      expect(await ok('inspect', '-f', '{{.HostConfig.Memory}} {{.HostConfig.Privileged}}', 'buildx_buildkit_inner0')).toBe(
        `${512 << 20} true\n`,
      );
      const build = (...args: string[]) =>
        ok('buildx', 'build', '--builder', 'inner', '--progress=plain', '--secret', `id=s,src=${context}/s`, ...args, context);
      await build('--load', '-t', 'made');
      expect(await ok('run', '--rm', 'made')).toBe('inner\n7\n');
      await build('--push', '-t', `${name}/made`);
      expect(await ok('run', '--rm', `${name}/made`)).toContain('inner\n7\n');
      await ok('buildx', 'stop', 'inner');
      expect(await ok('ps', '-aq', '--filter', 'status=running')).toBe('');
      expect((await build('--load', '-t', 'again')).match(/^#\d+ CACHED$/gm)).toHaveLength(2);
      expect(await ok('buildx', 'du', '--builder', 'inner')).toMatch(/^Total:\s+[1-9]/m);
      expect(await ok('buildx', 'history', 'ls', '--builder', 'inner', '--format', '{{.Status}}')).toContain('Completed');
      await ok('buildx', 'rm', 'inner');
      expect(await ok('ps', '-aq')).toBe('');
      expect(await ok('volume', 'ls', '-q')).toBe('');
    },
    600_000,
  );
});
