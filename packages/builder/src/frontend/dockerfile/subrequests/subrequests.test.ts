import { detailsOf } from '@gantry/rpc';
import { build, type FakeWorld } from '../testing/fake-bridge';

async function ask(file: string, name: string, options: FakeWorld['options'] = {}, world: Partial<FakeWorld> = {}) {
  const { result } = await build(file, { ...world, options: { requestid: `frontend.${name}`, ...options } });
  const text = (key: string): string => result.metadata.get(key)?.toString() ?? '';
  return {
    json: JSON.parse(text('result.json')) as unknown,
    text: text('result.txt'),
    version: text('version'),
    status: text('result.statuscode'),
  };
}

const FILE = `# base of it all
ARG SUFFIX=box
ARG UNUSED=1
# first makes things
FROM busy$SUFFIX AS first
# LEVEL is a number
ARG LEVEL=3
RUN --mount=type=secret,id=key,required --mount=type=ssh make

FROM busybox AS last
COPY --from=first /a /b
`;
const data = Buffer.from(FILE).toString('base64');
const place = (line: number) => ({ ranges: [{ start: { line }, end: { line } }] });

test('outline: what the target takes, of the stages that it needs, too', async () => {
  const { json, text, version } = await ask(FILE, 'outline', { 'build-arg:LEVEL': '9' });
  expect(version).toBe('1.0.0');
  expect(json).toEqual({
    name: 'last',
    args: [
      { name: 'SUFFIX', value: 'box', location: place(2) },
      { name: 'LEVEL', description: 'is a number', value: '9', location: place(7) },
    ],
    secrets: [{ name: 'key', required: true, location: place(8) }],
    ssh: [{ name: 'default', location: place(8) }],
    sources: [data],
  });
  expect(text).toBe(
    [
      'TARGET: last',
      '',
      'BUILD ARG   VALUE   DESCRIPTION',
      'SUFFIX      box     ',
      'LEVEL       9       is a number',
      '',
      'SECRET   REQUIRED',
      'key      true',
      '',
      'SSH       REQUIRED',
      'default   ',
      '',
      '',
    ].join('\n'),
  );
});

test.each(['outline', 'lint'])('%s is answered without the folder of the context', async (name) => {
  const asked = await ask('FROM busybox AS b\nCOPY a /\n', name, {}, { refused: ['context'] });
  expect(asked.json).toMatchObject(name === 'lint' ? { warnings: null } : { name: 'b' });
});

test('targets: the stages with their bases and comments', async () => {
  const { json, text } = await ask(FILE, 'targets');
  expect(json).toEqual({
    targets: [
      { name: 'first', description: 'makes things', base: 'busy$SUFFIX', location: place(5) },
      { name: 'last', default: true, base: 'busybox', location: place(10) },
    ],
    sources: [data],
  });
  expect(text).toBe('TARGET         DESCRIPTION\nfirst          makes things\nlast (default) \n');
});

test('describe: the questions themselves', async () => {
  const { json, text } = await ask(FILE, 'subrequests.describe');
  expect(json).toHaveLength(3);
  expect(text.split('\n').map((line) => line.split(/\s/)[0])).toEqual(['NAME', 'outline', 'targets', 'subrequests.describe', '']);
});

test('lint: violations with their lines, and what stands in the way of a build', async () => {
  const file = 'FROM busybox AS Base\nCMD a\nFROM nosuch AS other\nRUN $X';
  const { json, text, status } = await ask(file, 'lint', { target: 'Base' });
  expect(status).toBe('1');
  expect(json).toMatchObject({
    warnings: [
      { ruleName: 'StageNameCasing', location: place(1), detail: "Stage name 'Base' should be lowercase" },
      { ruleName: 'JSONArgsRecommended', location: place(2), url: 'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/' },
    ],
    sources: [{ filename: 'Dockerfile', language: 'Dockerfile', data: Buffer.from(file).toString('base64') }],
  });
  expect(text).toBe(
    [
      '',
      'WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/',
      "Stage name 'Base' should be lowercase",
      'Dockerfile:1',
      '--------------------',
      '   1 | >>> FROM busybox AS Base',
      '   2 |     CMD a',
      '   3 |     FROM nosuch AS other',
      '--------------------',
      '',
      'WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/',
      'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      'Dockerfile:2',
      '--------------------',
      '   1 |     FROM busybox AS Base',
      '   2 | >>> CMD a',
      '   3 |     FROM nosuch AS other',
      '   4 |     RUN $X',
      '--------------------',
      '',
    ].join('\n'),
  );
  const all = await ask(file, 'lint');
  expect(all.json).toMatchObject({ buildError: { message: 'nosuch: docker.io/library/nosuch:latest: not found', location: place(3) } });
  const clean = await ask('FROM busybox\n', 'lint');
  expect(clean).toMatchObject({ json: { warnings: null }, text: '', status: '0' });
});

test('a question that nobody knows', async () => {
  const failure: unknown = await build('FROM busybox', { options: { requestid: 'other' } }).catch((error: unknown) => error);
  expect((failure as Error).message).toBe('unsupported request other');
  expect(detailsOf(failure).map(({ typeUrl, value }) => [typeUrl, value.toString()])).toEqual([
    ['github.com/moby/buildkit/errdefs.Subrequest+json', '{"name":"other"}'],
  ]);
});
