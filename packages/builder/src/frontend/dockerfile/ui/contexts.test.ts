import { detailsOf } from '@gantry/rpc';
import { marshal } from '../../../llb/write/marshal';
import { image } from '../../../llb/write/sources';
import { toPb } from '../platform';
import { build, busybox, DIGEST, type FakeWorld } from '../testing/fake-bridge';

const FILE = 'FROM base AS x\nCOPY --from=src /f /g\nRUN x';
const images = { '*': busybox };
const sources = async (world: Partial<FakeWorld>, file = FILE) => {
  const { steps, solves, ...rest } = await build(file, { images, ...world });
  return {
    ...rest,
    solves,
    found: steps.flatMap(({ op, name }) => (op.source === undefined ? [] : [[op.source.identifier, name] as const])),
  };
};

test('names that the client gave another meaning', async () => {
  const context = async (place: string, folders: FakeWorld['folders'] = {}) =>
    (await sources({ folders, options: { 'context:src': place } })).found;
  expect(await context('docker-image://alpine:3')).toContainEqual(['docker-image://docker.io/library/alpine:3', '[context src] alpine:3']);
  expect(await context(`oci-layout://store@${DIGEST}`)).toContainEqual([
    `oci-layout://docker.io/library/src@${DIGEST}`,
    '[context src] OCI load from client',
  ]);
  expect(await context('local:folder', { folder: { '.dockerignore': 'a' } })).toContainEqual([
    'local://folder',
    '[context src] load from client',
  ]);
  expect(await context('https://x.y/z.git#main')).toContainEqual([
    'git://x.y/z.git#main',
    '[internal] load git source https://x.y/z.git#main',
  ]);
  expect(await context('https://x.y/z.tar')).toContainEqual(['https://x.y/z.tar', '[context src] https://x.y/z.tar']);
  expect((await context('docker-image://scratch')).map(([identifier]) => identifier)).toEqual([
    `docker-image://docker.io/library/base:latest@${DIGEST}`,
  ]);
});

test('a policy puts something else in the place of an image', async () => {
  const world = (instead: string): Partial<FakeWorld> => ({
    images: { ...images, 'docker.io/library/alpine:3': { instead } },
    options: { 'context:src': 'docker-image://alpine:3' },
  });
  expect((await sources(world('local://folder'))).found).toContainEqual(['local://folder', '[context src] load from client']);
  await expect(sources(world('docker-image://alpine:3'))).rejects.toThrow('ref mutated by policy to non-image');
});

test('a folder is asked for the paths that are used, without what its .dockerignore names', async () => {
  const { steps } = await build(FILE, {
    images,
    folders: { folder: { '.dockerignore': 'a\n!b' } },
    options: { 'context:src': 'local:folder', 'local-sessionid:folder': 's2' },
  });
  expect(steps.find(({ name }) => name === '[context src] load from client')?.op.source?.attrs).toEqual({
    'local.excludepatterns': '["a","!b"]',
    'local.followpaths': '["f"]',
    'local.session': 's2',
    'local.sharedkeyhint': 'context:src',
  });
});

test('a base and a whole stage are replaced, for one platform or for all', async () => {
  const base = async (options: Readonly<Record<string, string>>) =>
    (await sources({ options }, 'FROM base AS x\nRUN a\nFROM x\nRUN b')).found;
  expect(await base({ 'context:base': 'docker-image://any', 'context:base::linux/amd64': 'docker-image://amd' })).toEqual([
    ['docker-image://docker.io/library/amd:latest', '[context base::linux/amd64] amd'],
  ]);
  const { steps } = await build('FROM base AS x\nRUN a\nFROM x\nRUN b', { images, options: { 'context:x': 'docker-image://y' } });
  expect(steps.map(({ name }) => name)).toEqual(['[context x] y', '[stage-1 1/1] RUN b']);
  expect(steps[1]?.op.exec?.meta?.env).toEqual(['PATH=/bin', 'BASE=1']);
});

test('inputs that are definitions', async () => {
  const input = marshal(image('docker.io/library/given:1', {}), { platform: toPb({ os: 'linux', architecture: 'amd64' }) });
  const config = Buffer.from(JSON.stringify({ ...busybox, config: { Env: ['GIVEN=1'] } })).toString('base64');
  const { steps } = await build('FROM base\nCOPY a b\nRUN a', {
    inputs: { in: input, context: input },
    options: { 'context:base': 'input:in', 'input-metadata:in': JSON.stringify({ 'containerimage.config': config }) },
  });
  expect(steps.map(({ op }) => op.source?.identifier).filter(Boolean)).toEqual(['docker-image://docker.io/library/given:1']);
  expect(steps.at(-1)?.op.exec?.meta?.env).toContain('GIVEN=1');
});

test('an input without a definition is refused, whatever it is for', async () => {
  const none = { def: [], metadata: {}, Source: undefined };
  for (const name of ['context', 'dockerfile', 'other'])
    await expect(build(FILE, { images, inputs: { [name]: none } })).rejects.toThrow(
      'failed to get frontend inputs: invalid nil input definition to definition op',
    );
});

test.each([
  ['foo:bar', 'unsupported context source foo for src'],
  ['nothing', 'invalid context specifier nothing for src'],
  ['input:no', 'invalid input no for src'],
  ['oci-layout://store:tag', 'oci-layout reference "store:tag" has no digest'],
])('%s is refused', async (place, message) => {
  await expect(build(FILE, { images, options: { 'context:src': place } })).rejects.toThrow(message);
});

test('the context itself: a repository, a download that is a Dockerfile or an archive, a subdirectory', async () => {
  const file = 'FROM busybox\nCOPY a /b';
  const remote = (options: Readonly<Record<string, string>>, folders: FakeWorld['folders']) => build('', { folders, options });
  const git = await remote({ context: 'https://x.y/z.git#b:s' }, { 'git://x.y/z.git#b:s': { Dockerfile: file } });
  expect(git.steps.map(({ name }) => name)).toContain('[internal] load git source https://x.y/z.git#b:s');
  const plain = await remote({ context: 'https://x.y/f' }, { 'https://x.y/f': { context: 'FROM busybox\nRUN plain' } });
  expect(plain.steps.at(-1)?.name).toBe('[2/2] RUN plain');
  const archive = { 'https://x.y/t': { context: 'BZh91AY&SY' }, dockerfile: { Dockerfile: file } };
  const unpacked = await remote({ context: 'https://x.y/t', dockerfilekey: 'dockerfile', contextsubdir: 'sub' }, archive);
  expect(unpacked.steps.flatMap(({ op }) => op.file?.actions.map(({ copy }) => copy?.src) ?? [])).toEqual(['/context', '/sub', '/a']);
});

test('the Dockerfile by its name, in lower case, and with a .dockerignore of its own', async () => {
  const file = 'FROM busybox\nCOPY . /b';
  const folders = {
    dockerfile: { 'sub/dockerfile': file, Other: file, 'Other.dockerignore': 'mine' },
    context: { '.dockerignore': 'all' },
  };
  const excludes = async (filename: string): Promise<string | undefined> => {
    const { steps } = await build('', { folders, options: { filename } });
    return steps.find(({ op }) => op.source?.identifier === 'local://context')?.op.source?.attrs['local.excludepatterns'];
  };
  expect(await excludes('sub/Dockerfile')).toBe('["all"]');
  expect(await excludes('Other')).toBe('["mine"]');
  await expect(excludes('none')).rejects.toThrow('failed to read dockerfile: open none: no such file or directory');
});

test('syntaxes of this language are served here and told; others are run', async () => {
  for (const name of ['docker/dockerfile', 'docker/dockerfile:1.7-labs', 'docker.io/docker/dockerfile-upstream:master']) {
    const { notes, steps } = await build(`# syntax=${name}\nFROM busybox\nRUN a`);
    expect(notes).toEqual([`[internal] syntax ${name} is served by the built-in Dockerfile frontend`]);
    expect(steps).toHaveLength(2);
  }
  const forwarded = async (file: string, options: Readonly<Record<string, string>> = {}) => {
    const { solves } = await build(file, { options });
    const { frontend, options: given } = solves.at(-1) ?? {};
    return [frontend, given?.get('source'), given?.get('cmdline')];
  };
  expect(await forwarded('# syntax = other/lang:2 --x\nanything')).toEqual(['gateway.v0', 'other/lang:2', 'other/lang:2 --x']);
  expect(await forwarded('{"syntax": "other/json"}')).toEqual(['gateway.v0', 'other/json', 'other/json']);
  expect(await forwarded('FROM busybox', { 'build-arg:BUILDKIT_SYNTAX': 'other/arg y' })).toEqual([
    'gateway.v0',
    'other/arg',
    'other/arg y',
  ]);
  expect((await build('# syntax=other/x\nFROM busybox', { options: { cmdline: 'given' } })).steps).toHaveLength(1);
});

test('what a client needs and this frontend has not', async () => {
  await build('FROM busybox', { options: { 'frontend.caps': 'moby.buildkit.frontend.inputs,moby.buildkit.frontend.contexts+forward' } });
  const failure: unknown = await build('FROM busybox', { options: { 'frontend.caps': 'x+forward' } }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ kind: 'notImplemented', message: 'unsupported frontend capability x' });
  expect(detailsOf(failure).map(({ typeUrl }) => typeUrl)).toEqual(['github.com/moby/buildkit/errdefs.FrontendCap+json']);
});
