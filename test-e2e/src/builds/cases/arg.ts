import type { BuildCase } from '../case';

const predefined = [
  'HTTP_PROXY',
  'http_proxy',
  'HTTPS_PROXY',
  'https_proxy',
  'FTP_PROXY',
  'ftp_proxy',
  'NO_PROXY',
  'no_proxy',
  'ALL_PROXY',
  'all_proxy',
];
const platform = ['TARGETPLATFORM', 'TARGETOS', 'TARGETARCH', 'TARGETVARIANT', 'BUILDPLATFORM', 'BUILDOS', 'BUILDARCH', 'BUILDVARIANT'];

/** Arguments of builds. */
export const arg: readonly BuildCase[] = [
  ...predefined.map((name) => ({
    name: `the predefined argument ${name} reaches a step and no history`,
    rows: [`ARG ${name}`],
    dockerfile: `FROM busybox\nRUN echo "$${name}" > /p\n`,
    args: ['--build-arg', `${name}=http://user@proxy.example.org:1`],
  })),
  ...platform.map((name) => ({
    name: `the platform argument ${name}`,
    rows: [`ARG ${name}`],
    dockerfile: `ARG ${name}\nFROM busybox\nRUN echo "without:$${name}" > /without\nARG ${name}\nRUN echo "with:$${name}" > /with\n`,
  })),
  {
    name: 'ARG with and without a value',
    rows: ['ARG'],
    dockerfile: 'FROM busybox\nARG a=1 b\nARG c="x y"\nRUN echo "$a$b$c" > /abc\n',
    args: ['--build-arg', 'b=2'],
  },
  {
    name: 'ARG before FROM is of no stage',
    rows: ['ARG'],
    dockerfile: 'ARG v=1\nFROM busybox\nRUN echo "[$v]" > /one\nARG v\nRUN echo "[$v]" > /two\n',
  },
  {
    name: 'ARG of a stage ends with it',
    rows: ['ARG'],
    dockerfile: 'FROM busybox AS a\nARG v=1\nRUN echo $v > /a\nFROM a\nRUN echo "[$v]" > /b\n',
  },
  {
    name: 'ENV then ARG of one name',
    rows: ['ARG', 'ENV'],
    dockerfile: 'FROM busybox\nENV x=env\nARG x=arg\nRUN echo $x > /x\nLABEL l=$x\n',
  },
  {
    name: 'ARG then ENV of one name',
    rows: ['ARG', 'ENV'],
    dockerfile: 'FROM busybox\nARG x=arg\nENV x=env\nRUN echo $x > /x\n',
    args: ['--build-arg', 'x=given'],
  },
  { name: 'an argument that nobody asks for', rows: ['ARG'], dockerfile: 'FROM busybox\n', args: ['--build-arg', 'unused=1'] },
  {
    name: 'an argument from the environment',
    rows: ['ARG'],
    dockerfile: 'FROM busybox\nARG fromenv\nRUN echo $fromenv > /e\n',
    args: ['--build-arg', 'fromenv'],
    env: { fromenv: 'outer' },
  },
  { name: 'arguments are in the history of steps', rows: ['ARG'], dockerfile: 'FROM busybox\nARG seen=1\nRUN true\n' },
  {
    name: 'BUILDKIT_BUILD_NAME',
    rows: ['ARG BUILDKIT_BUILD_NAME'],
    dockerfile: 'FROM busybox\nARG BUILDKIT_BUILD_NAME\nRUN echo $BUILDKIT_BUILD_NAME > /n\n',
    args: ['--build-arg', 'BUILDKIT_BUILD_NAME=named'],
  },
  {
    name: 'BUILDKIT_CACHE_MOUNT_NS parts the caches',
    rows: ['ARG BUILDKIT_CACHE_MOUNT_NS'],
    dockerfile: 'FROM busybox\nRUN --mount=type=cache,target=/c ls /c > /list && echo x > /c/x\n',
    args: ['--build-arg', 'BUILDKIT_CACHE_MOUNT_NS=apart'],
  },
  {
    name: 'BUILDKIT_CONTEXT_KEEP_GIT_DIR keeps .git',
    rows: ['ARG BUILDKIT_CONTEXT_KEEP_GIT_DIR'],
    dockerfile: 'FROM busybox\nCOPY --from=src . /s/\nRUN ls -a /s > /list; test -e /s/.git/HEAD && echo kept > /kept; rm -r /s\n',
    args: ['--build-arg', 'BUILDKIT_CONTEXT_KEEP_GIT_DIR=1', '--build-context', 'src=git://127.0.0.1/repo.git#v1'],
  },
  {
    name: 'BUILDKIT_INLINE_CACHE',
    rows: ['ARG BUILDKIT_INLINE_CACHE'],
    dockerfile: 'FROM busybox\nRUN echo i > /i\n',
    args: ['--build-arg', 'BUILDKIT_INLINE_CACHE=1'],
  },
  {
    name: 'BUILDKIT_MULTI_PLATFORM',
    rows: ['ARG BUILDKIT_MULTI_PLATFORM'],
    dockerfile: 'FROM scratch\nCOPY f /\n',
    files: { f: 'f' },
    args: ['--build-arg', 'BUILDKIT_MULTI_PLATFORM=1'],
  },
  {
    name: 'BUILDKIT_SANDBOX_HOSTNAME',
    rows: ['ARG BUILDKIT_SANDBOX_HOSTNAME'],
    dockerfile: 'FROM busybox\nRUN hostname > /h\n',
    args: ['--build-arg', 'BUILDKIT_SANDBOX_HOSTNAME=mine'],
  },
  {
    name: 'SOURCE_DATE_EPOCH',
    rows: ['ARG SOURCE_DATE_EPOCH'],
    dockerfile: 'FROM busybox\nARG SOURCE_DATE_EPOCH\nRUN echo $SOURCE_DATE_EPOCH > /e\n',
    args: ['--build-arg', 'SOURCE_DATE_EPOCH=1000000000'],
  },
  {
    name: 'a bad SOURCE_DATE_EPOCH',
    rows: ['ARG SOURCE_DATE_EPOCH'],
    dockerfile: 'FROM busybox\n',
    args: ['--build-arg', 'SOURCE_DATE_EPOCH=soon'],
    fails: true,
  },
  { name: 'ARG without a name', rows: ['ARG'], dockerfile: 'FROM busybox\nARG =x\n', fails: true },
  { name: 'RUN before FROM', rows: ['ARG'], dockerfile: 'ARG a\nRUN true\nFROM busybox\n', fails: true },
];
