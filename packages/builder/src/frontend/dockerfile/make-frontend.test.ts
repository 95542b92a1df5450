import { build, DIGEST } from './testing/fake-bridge';

const THIN = `FROM busybox
COPY . /x
RUN true
ENV A=1
WORKDIR /w
CMD ["a", "b"]
`;

test('a file with a base, files, a command and configuration', async () => {
  const { steps, config, solves, resolved } = await build(THIN, {
    folders: { dockerfile: { Dockerfile: THIN }, context: { '.dockerignore': '# no\nnode_modules/\n' } },
  });
  expect(solves.map(({ definition }) => definition?.def.length)).toEqual([2, 2, 6]);
  expect(resolved).toEqual([
    'docker.io/library/busybox:latest amd64 default: [internal] load metadata for docker.io/library/busybox:latest',
  ]);
  expect(steps.map(({ name }) => name)).toEqual([
    `[1/4] FROM docker.io/library/busybox:latest@${DIGEST}`,
    '[internal] load build context',
    '[2/4] COPY . /x',
    '[3/4] RUN true',
    '[4/4] WORKDIR /w',
  ]);
  expect(steps[1]?.op.source).toEqual({
    identifier: 'local://context',
    attrs: { 'local.excludepatterns': '["node_modules"]', 'local.session': 'session1', 'local.sharedkeyhint': 'context' },
  });
  expect(steps[2]?.op.file?.actions).toEqual([
    expect.objectContaining({
      input: 0n,
      secondaryInput: 1n,
      output: 0n,
      copy: expect.objectContaining({ src: '/', dest: '/x', mode: -1, dirCopyContents: true, createDestPath: true }) as object,
    }),
  ]);
  expect(steps[3]?.op.exec?.meta).toMatchObject({ args: ['/bin/sh', '-c', 'true'], env: ['PATH=/bin', 'BASE=1'], cwd: '/' });
  expect(config).toMatchObject({
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin', 'BASE=1', 'A=1'], Cmd: ['a', 'b'], WorkingDir: '/w', ArgsEscaped: true },
  });
  expect(config.history.map(({ created_by: by, empty_layer: empty = false }) => [by, empty])).toEqual([
    ['base', false],
    ['COPY . /x # buildkit', false],
    ['RUN /bin/sh -c true # buildkit', false],
    ['ENV A=1', true],
    ['WORKDIR /w', false],
    ['CMD ["a" "b"]', true],
  ]);
});
