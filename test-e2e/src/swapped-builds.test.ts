import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cases } from './builds/cases';
import { manifestsOf } from './builds/oci-archive';
import { outcomeOf, type Outcome } from './builds/outcome';
import { builderAsPlace } from './builds/place';
import { treeOf } from './builds/tree';
import {
  buildkitd,
  buildkitdOnSupervisor,
  builderOnContainerd,
  containerds,
  dockerTakes,
  hasProgram,
  newContainerd,
  type SwappedBuilder,
} from './harness';

/** Builds of the differential suite that are done on each other's layers, too; `a registry cache` and `several platforms` below are of the same twenty. */
const NAMES = [
  'COPY --from a stage', // multi-stage
  'stages that the target does not need are left out',
  'RUN in both forms',
  'RUN that fails',
  'RUN changes, removes, links, owns',
  'RUN twice is cached',
  'a cache keeps from step to step',
  'a cache with mode and owner',
  'a secret as a file',
  'a secret with a place, mode and owner',
  'a bind from a stage, written to',
  'a tmpfs with a size',
  'mount points leave nothing behind',
  'COPY --link',
  'COPY --chown by names',
  'COPY keeps modes, times and attributes',
  'COPY with .dockerignore',
  'USER and who owns what comes',
  'ONBUILD runs in the next stage',
  'a heredoc of commands',
];

const expected = JSON.parse(readFileSync(join(__dirname, 'builds/expected.json'), 'utf8')) as Record<string, Outcome>;
const tools = [
  dockerTakes('--driver-opt', 'buildx', 'create') ? '' : 'docker buildx with the remote driver',
  ...['docker-registry', 'skopeo'].map((name) => (hasProgram(name) ? '' : name)),
];
const programs = newContainerd(containerds);

const swaps = [
  {
    name: 'gantry-build on containerd',
    lacks: programs === undefined ? 'containerd 2 on PATH or in the folder that GANTRY_CONTAINERD names' : '',
    start: () => builderOnContainerd(programs ?? ''),
  },
  {
    name: "BuildKit's daemon on our supervisor",
    lacks: buildkitd === '' ? 'GANTRY_BUILDKITD, the path of a buildkitd' : '',
    start: () => buildkitdOnSupervisor(buildkitd),
  },
];

for (const { name, lacks, start } of swaps) {
  const missing = [lacks, ...tools].filter((one) => one !== '').join(', ');
  if (missing !== '') process.stderr.write(`SKIP: ${name} is not tested: it needs ${missing}\n`);
  (missing === '' ? describe : describe.skip)(`${name} [needs ${missing || 'nothing more'}]`, () => {
    let builder: SwappedBuilder;
    let base: ReadonlyMap<string, string>;
    const since = Math.floor(Date.now() / 1000) * 1000;
    beforeAll(async () => {
      builder = await start();
      const tar = join(builder.folder, 'base.tar');
      await ok(['build', '--output', `type=tar,dest=${tar}`, '-'], 'FROM busybox\n');
      base = await treeOf(tar, since);
    }, 240_000);
    afterAll(() => builder?.destroy(), 120_000);

    const ok = async (args: readonly string[], input = ''): Promise<string> => {
      const result = await builder.buildx(args, { input });
      if (result.code !== 0) throw new Error(`docker buildx ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
      return result.stdout + result.stderr;
    };
    const context = (files: Readonly<Record<string, string>>): string => {
      const folder = join(builder.folder, 'context');
      mkdirSync(folder, { recursive: true });
      for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
      return folder;
    };

    test.each(NAMES.map((one, number) => [one, number] as const))(
      '%s',
      async (wanted, number) => {
        const one = cases.find((each) => each.name === wanted);
        if (one === undefined) throw new Error(`there is no build of the name ${wanted}`);
        const outcome = await outcomeOf(builderAsPlace(builder), one, base, number, since);
        expect(JSON.parse(JSON.stringify(outcome))).toEqual(expected[wanted]);
      },
      180_000,
    );

    test('a registry cache', async () => {
      const ref = `type=registry,ref=${builder.registry}/cache:1`;
      const folder = context({ Dockerfile: 'FROM busybox\nCOPY a /a\nRUN cat /proc/sys/kernel/random/uuid > /u\n', a: 'a' });
      const [first, second] = ['first', 'second'].map((name) => join(builder.folder, name)) as [string, string];
      await ok(['build', '--cache-to', `${ref},mode=max`, '-o', `type=local,dest=${first}`, folder]);
      await ok(['prune', '-af']);
      const again = await ok(['build', '--progress=plain', '--cache-from', ref, '-o', `type=local,dest=${second}`, folder]);
      expect(again.match(/^#\d+ CACHED$/gm)).toHaveLength(2);
      expect(readFileSync(join(second, 'u'), 'utf8')).toBe(readFileSync(join(first, 'u'), 'utf8'));
    }, 180_000);

    test('several platforms', async () => {
      const folder = context({ Dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\n', amd64: 'x86', arm64: 'arm' });
      const [tree, tar] = [join(builder.folder, 'platforms'), join(builder.folder, 'platforms.tar')];
      const outputs = ['-o', `type=local,dest=${tree}`, '-o', `type=oci,dest=${tar}`];
      await ok(['build', '--provenance=false', '--platform', 'linux/amd64,linux/arm64', ...outputs, folder]);
      const arch = (name: string): string => readFileSync(join(tree, name, 'arch'), 'utf8');
      expect([arch('linux_amd64'), arch('linux_arm64')]).toEqual(['x86', 'arm']);
      expect((await manifestsOf(tar)).map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64']);
    }, 180_000);
  });
}
