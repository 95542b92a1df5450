import { detailsOf } from '@gantry/rpc';
import { build, busybox, type FakeWorld } from '../testing/fake-bridge';

const names = async (file: string, world: Partial<FakeWorld> = {}) =>
  (await build(file, world)).steps.map(({ name }) => name.replaceAll(/@sha256:d+/g, ''));

test('stages that the target does not need are not resolved', async () => {
  const file = 'FROM nosuch AS a\nFROM busybox AS b\nRUN b\nFROM busybox AS c\nRUN c\nFROM c\nCOPY --from=b /x /y';
  const { resolved, steps } = await build(file, { options: { target: 'c' } });
  expect(resolved).toHaveLength(1);
  expect(steps.map(({ name }) => name)).toEqual([expect.stringContaining('[c 1/2] FROM') as string, '[c 2/2] RUN c']);
  await expect(build(file, { options: { target: 'a' } })).rejects.toThrow('nosuch: docker.io/library/nosuch:latest: not found');
});

test('files come from stages by name, in any case, by number, and from images', async () => {
  const file =
    'FROM busybox AS One\nRUN 1\nFROM busybox\nCOPY --from=one /a /b\nCOPY --from=0 /c /d\nRUN --mount=from=ONE,target=/m x\nCOPY --from=other /e /f';
  const images = { 'docker.io/library/other:latest': busybox };
  expect(await names(file, { images })).toEqual([
    '[one 1/2] FROM docker.io/library/busybox:latest',
    '[one 2/2] RUN 1',
    '[stage-1 2/5] COPY --from=one /a /b',
    '[stage-1 3/5] COPY --from=0 /c /d',
    '[stage-1 4/5] RUN --mount=from=ONE,target=/m x',
    'FROM docker.io/library/other:latest',
    '[stage-1 5/5] COPY --from=other /e /f',
  ]);
});

test('triggers of a base image, and of a stage, run in front of what is built on them', async () => {
  const trigger = { ...busybox, config: { OnBuild: ['RUN first', 'COPY --from=busybox /a /b'] } };
  const images = { 'docker.io/library/base:latest': trigger };
  expect((await names('FROM base\nRUN own', { images })).filter((name) => name.includes('/4]'))).toEqual([
    '[2/4] ONBUILD RUN first',
    '[3/4] ONBUILD COPY --from=busybox /a /b',
    '[4/4] RUN own',
  ]);
  const { config, steps } = await build('FROM busybox AS a\nONBUILD RUN later\nFROM a\nRUN own');
  expect(steps.map(({ name }) => name).slice(1)).toEqual(['[stage-1 1/2] ONBUILD RUN later', '[stage-1 2/2] RUN own']);
  expect(config.config).not.toHaveProperty('OnBuild');
});

test('global arguments, those of the client, and those of platforms', async () => {
  const file = 'ARG BASE=nosuch\nARG TAG=$BASE-x\nFROM $BASE AS a\nARG TAG TARGETPLATFORM TARGETSTAGE OWN=1\nRUN a';
  const { steps, config } = await build(file, { options: { 'build-arg:BASE': 'busybox', platform: 'linux/amd64' } });
  expect(steps.at(-1)?.op.exec?.meta?.env).toEqual([
    'PATH=/bin',
    'BASE=1',
    'TAG=busybox-x',
    'TARGETPLATFORM=linux/amd64',
    'TARGETSTAGE=a',
    'OWN=1',
  ]);
  expect(config.history.at(-1)?.created_by).toBe(
    'RUN |4 TAG=busybox-x TARGETPLATFORM=linux/amd64 TARGETSTAGE=a OWN=1 /bin/sh -c a # buildkit',
  );
});

test('several platforms: an outcome and a configuration each, names that say which', async () => {
  const file = 'FROM --platform=$BUILDPLATFORM busybox AS build\nARG TARGETARCH\nRUN b\nFROM busybox\nCOPY --from=build /a /b';
  const { result, resolved } = await build(file, { options: { platform: 'linux/arm64,linux/amd64' } });
  expect([...result.outcomes.keys()]).toEqual(['linux/arm64', 'linux/amd64']);
  expect([...result.metadata.keys()]).toContain('containerimage.config/linux/arm64');
  expect(JSON.parse(result.metadata.get('refs.platforms')?.toString() ?? '')).toEqual({
    Platforms: [
      { ID: 'linux/arm64', Platform: { architecture: 'arm64', os: 'linux' } },
      { ID: 'linux/amd64', Platform: { architecture: 'amd64', os: 'linux' } },
    ],
  });
  expect(resolved.map((text) => text.split(' ')[1])).toEqual(['amd64', 'arm64']);
  const [arm] = [...result.outcomes.values()];
  const shown = Object.values(arm?.definition?.metadata ?? {}).map(({ description }) => description['llb.customname']);
  expect(shown).toContain('[linux/amd64->arm64 build 2/2] RUN b');
  expect(shown).toContain('[linux/arm64 stage-1 2/2] COPY --from=build /a /b');
});

test('a cache that is not to be used, for all stages and for some', async () => {
  const ignored = async (value: string): Promise<readonly string[]> => {
    const { steps } = await build('FROM busybox AS a\nRUN a\nFROM a AS b\nRUN b', { options: { 'no-cache': value } });
    return steps.filter(({ metadata }) => metadata.ignoreCache).map(({ name }) => name);
  };
  expect(await ignored('')).toEqual(['[a 2/2] RUN a', '[b 1/1] RUN b']);
  expect(await ignored('B')).toEqual(['[b 1/1] RUN b']);
});

test.each<[string, string, readonly number[]]>([
  ['FROM busybox\nFOO', 'dockerfile parse error on line 2: unknown instruction: FOO', [2]],
  ['FROM busybox AS a\nCOPY --from=b / /\nFROM busybox AS b\nCOPY --from=a / /', 'circular dependency detected on stage: a', [2, 4]],
  ['FROM nosuc\nRUN a', 'nosuc: docker.io/library/nosuc:latest: not found', [1]],
  ['FROM BAD', 'failed to parse stage name "BAD": invalid reference format: repository name (library/BAD) must be lowercase', [1]],
  ['FROM $X', 'base name ($X) should not be blank', [1]],
  ['FROM --platform=$X busybox', 'empty platform value from expression $X', [1]],
  ['FROM busybox\nRUN a \\\n  b\nCOPY ${x:?gone} /', 'failed to process "${x:?gone}": x: gone', [4]],
  ['FROM busybox\nENV A \\\n  b=${', 'failed to process', [2]],
])('%j fails, and says where', async (file, message, lines) => {
  const failure: unknown = await build(file, { options: {} }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ kind: 'unknown', message: expect.stringContaining(message) as string });
  const sources = detailsOf(failure).filter(({ typeUrl }) => typeUrl === 'github.com/moby/buildkit/errdefs.Source+json');
  const places = sources.map(({ value }) => JSON.parse(value.toString()) as { info: object; ranges: { start: { line: number } }[] });
  expect(places.map(({ ranges }) => ranges[0]?.start.line)).toEqual(lines);
  expect(places[0]?.info).toMatchObject({ filename: 'Dockerfile', language: 'Dockerfile', data: Buffer.from(file).toString('base64') });
});

test('names that are almost right are told', async () => {
  await expect(build('FROM busybox AS base', { options: { target: 'bse' } })).rejects.toThrow(
    'target stage "bse" could not be found (did you mean base?)',
  );
  await expect(build('FROM busybox AS nosuchx\nFROM nosuch')).rejects.toThrow('(did you mean nosuchx?)');
});
