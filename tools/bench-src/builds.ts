import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../test-e2e/src/harness/engine';
import type { BenchCase } from './cases';
import { timed } from './measure';

/** Builds by the docker CLI with buildx, and by its classic builder; both engines get the same files. */

const folderOf = (engine: Engine, name: string): string => join(engine.folder, `build-${name}`);

async function build(engine: Engine, folder: string, args: readonly string[] = [], classic = false): Promise<void> {
  const result = await engine.docker(['build', ...(classic ? [] : ['--provenance=false']), '-q', '-t', 'bench-build', ...args, folder], {
    timeout: 1_200_000,
    env: { ...process.env, DOCKER_BUILDKIT: classic ? '0' : '1', BUILDX_NO_DEFAULT_ATTESTATIONS: '1' },
  });
  if (result.code !== 0) throw new Error(`${engine.kind}: docker build: ${result.stderr}`);
}

/** Forgets all that was built, so that the next build is the first. */
async function forget(engine: Engine): Promise<void> {
  await engine.docker(['image', 'rm', '-f', 'bench-build']);
  const pruned = await engine.docker(['builder', 'prune', '-af'], { timeout: 600_000 });
  if (pruned.code !== 0) throw new Error(`${engine.kind}: docker builder prune: ${pruned.stderr}`);
}

function lay(engine: Engine, name: string, dockerfile: string, files: Iterable<readonly [string, string | Buffer]> = []): string {
  const folder = folderOf(engine, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'Dockerfile'), dockerfile);
  for (const [path, content] of files) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

const steps = (count: number): string =>
  `FROM busybox\n${'RUN true\n'.repeat(count)}`.replace(/RUN true\n/g, (_, at: number) => `RUN true ${at}\n`);

function* smallFiles(count: number): Generator<readonly [string, string]> {
  for (let n = 0; n < count; n++) yield [`d${n % 100}/f${n}`, `${n} ${'x'.repeat(200)}\n`];
}

const clean =
  (name: string) =>
  async (engine: Engine): Promise<void> => {
    rmSync(folderOf(engine, name), { recursive: true, force: true });
    await forget(engine);
  };

/** Steps that run, or that all come from the cache. */
function stepCase(count: number, how: 'no cache' | 'cached' | 'classic, no cache', share: number): BenchCase {
  const name = `steps-${count}-${how.replace(/\W+/g, '-')}`;
  const classic = how === 'classic, no cache';
  return {
    name: `build: ${count} RUN steps of true, ${how}`,
    heavy: true,
    share,
    setup: async (engine) => {
      const folder = lay(engine, name, steps(count));
      if (how === 'cached') await build(engine, folder);
    },
    sample: (engine) => timed(() => build(engine, folderOf(engine, name), how === 'cached' ? [] : ['--no-cache'], classic)),
    teardown: clean(name),
  };
}

/** A context of small files: sent first, again, and with one file changed. */
function contextCases(count: number, share: number): BenchCase[] {
  const name = `context-${count}`;
  const dockerfile = 'FROM scratch\nCOPY . /files/\n';
  const folder = (engine: Engine): string => folderOf(engine, name);
  const setup = async (engine: Engine): Promise<void> => {
    await build(engine, lay(engine, name, dockerfile, smallFiles(count)));
  };
  return [
    {
      name: `build: a context of ${count} small files, first`,
      heavy: true,
      share,
      setup: async (engine) => void lay(engine, name, dockerfile, smallFiles(count)),
      sample: async (engine) => {
        await forget(engine);
        return timed(() => build(engine, folder(engine)));
      },
      teardown: clean(name),
    },
    {
      name: `build: a context of ${count} small files, unchanged`,
      heavy: true,
      share,
      setup,
      sample: (engine) => timed(() => build(engine, folder(engine))),
      teardown: clean(name),
    },
    {
      name: `build: a context of ${count} small files, one of them changed`,
      heavy: true,
      share,
      setup,
      sample: (engine, round) => {
        writeFileSync(join(folder(engine), 'd1/f1'), `changed ${round} ${randomBytes(4).toString('hex')}\n`);
        return timed(() => build(engine, folder(engine)));
      },
      teardown: clean(name),
    },
  ];
}

export const buildCases: readonly BenchCase[] = [
  {
    name: 'build: the CLI and its plugin alone (docker buildx version)',
    heavy: true,
    sample: (engine) => timed(() => engine.docker(['buildx', 'version'])),
  },
  ...[1, 10, 20, 100].map((count) => stepCase(count, 'cached', count === 20 ? 1 : 0.25)),
  ...[1, 20, 100].map((count) => stepCase(count, 'no cache', count === 100 ? 0 : 0.25)),
  stepCase(20, 'classic, no cache', 0.15),
  ...contextCases(1000, 0.25),
  ...contextCases(10_000, 0.15),
  ...contextCases(40_000, 0.15),
  ...contextCases(100_000, 0),
  {
    name: 'build: COPY of 300 MB, gzip, to a registry',
    heavy: true,
    share: 0.15,
    setup: async (engine) =>
      void lay(
        engine,
        'large',
        'FROM scratch\nARG n\nLABEL n=$n\nCOPY data /data\n',
        Array.from(
          { length: 30 },
          (_, n) => [`data/${n}`, Buffer.concat([randomBytes(5 << 20), Buffer.alloc(5 << 20, `text ${n} `)])] as const,
        ),
      ),
    sample: async (engine, round) => {
      await forget(engine);
      return timed(async () => {
        const pushed = await engine.docker(
          [
            'buildx',
            'build',
            '-q',
            '--provenance=false',
            '--output',
            `type=registry,name=127.0.0.1:5000/large:${round}`,
            folderOf(engine, 'large'),
          ],
          { timeout: 1_200_000 },
        );
        if (pushed.code !== 0) throw new Error(`${engine.kind}: ${pushed.stderr}`);
      });
    },
    teardown: clean('large'),
  },
  {
    name: 'build: eight different builds at once',
    heavy: true,
    share: 0.25,
    setup: async (engine) => {
      for (let n = 0; n < 8; n++)
        lay(engine, `eight-${n}`, `FROM busybox\nRUN echo ${n}\nCOPY f /f\nRUN cat /f > /g${n}\nRUN true ${n}\n`, [['f', `${n}`]]);
    },
    sample: (engine) =>
      timed(() =>
        Promise.all(Array.from({ length: 8 }, (_, n) => build(engine, folderOf(engine, `eight-${n}`), ['--no-cache', '-t', `bench-${n}`]))),
      ),
    teardown: async (engine) => {
      for (let n = 0; n < 8; n++) {
        rmSync(folderOf(engine, `eight-${n}`), { recursive: true, force: true });
        await engine.docker(['image', 'rm', '-f', `bench-${n}`]);
      }
      await forget(engine);
    },
  },
];
