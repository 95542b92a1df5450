import { build } from '../testing/fake-bridge';
import { formatGoDuration } from '@gantry/rpc';

test('configuration and history of everything that makes no layer', async () => {
  const { config } = await build(
    [
      'FROM busybox',
      'MAINTAINER me',
      'LABEL a=1 "b c"="d e"',
      'EXPOSE 80 90-91/udp',
      'VOLUME /v ["/w"]',
      'VOLUME ["/x y"]',
      'USER u:g',
      'STOPSIGNAL SIGINT',
      'HEALTHCHECK --interval=1m30s --retries=34 CMD curl "x"',
      'SHELL ["/s", "-c"]',
      'ENTRYPOINT e',
      'CMD ["c", "d\\"\\n"]',
      'ONBUILD RUN x',
      'ARG Q=1 R',
    ].join('\n'),
    { options: { 'build-arg:SOURCE_DATE_EPOCH': '0', 'label:z': 'y' } },
  );
  expect(config.config).toEqual({
    User: 'u:g',
    ExposedPorts: { '80/tcp': {}, '90/udp': {}, '91/udp': {} },
    Env: ['PATH=/bin', 'BASE=1'],
    Entrypoint: ['/s', '-c', 'e'],
    Cmd: ['c', 'd"\n'],
    Volumes: { '/v': {}, '[/w]': {}, '/x y': {} },
    Labels: { a: '1', 'b c': 'd e', z: 'y' },
    StopSignal: 'SIGINT',
    ArgsEscaped: true,
    Healthcheck: { Test: ['CMD-SHELL', 'curl "x"'], Interval: 90e9, Retries: 34 },
    OnBuild: ['RUN x'],
    Shell: ['/s', '-c'],
  });
  expect(config['author']).toBe('me');
  expect(config.history.slice(1).map(({ created_by: by }) => by)).toEqual([
    'MAINTAINER me',
    'LABEL a=1 b c=d e',
    'EXPOSE [80/tcp 90/udp 91/udp]',
    'VOLUME [/v [/w]]',
    'VOLUME [/x y]',
    'USER u:g',
    'STOPSIGNAL SIGINT',
    `HEALTHCHECK &{["CMD-SHELL" "curl \\"x\\""] "1m30s" "0s" "0s" "0s" '"'}`,
    'SHELL [/s -c]',
    'ENTRYPOINT ["/s" "-c" "e"]',
    'CMD ["c" "d\\"\\n"]',
    'ARG Q=1 R',
  ]);
  expect(config.history.at(-1)).toMatchObject({ created: '1970-01-01T00:00:00Z', empty_layer: true, comment: 'buildkit.dockerfile.v0' });
});

test('an entrypoint takes the command of the base away, and not that of the stage', async () => {
  expect((await build('FROM busybox\nENTRYPOINT ["e"]')).config.config).not.toHaveProperty('Cmd');
  expect((await build('FROM busybox\nCMD ["c"]\nENTRYPOINT ["e"]')).config.config).toMatchObject({ Cmd: ['c'], Entrypoint: ['e'] });
});

test('ENV and ARG of one name: steps see the ARG, the image keeps the ENV', async () => {
  const { steps, config } = await build('FROM busybox\nENV X=env\nARG X=arg\nRUN a\nLABEL l=$X');
  expect(steps.at(-1)?.op.exec?.meta?.env).toContain('X=arg');
  expect(config.config).toMatchObject({ Env: ['PATH=/bin', 'BASE=1', 'X=env'], Labels: { l: 'arg' } });
});

test('WORKDIR makes the folder for the user of the moment', async () => {
  const { steps } = await build('FROM busybox\nUSER 1000\nWORKDIR /a\nWORKDIR b');
  expect(steps.flatMap(({ op }) => op.file?.actions.map(({ mkdir }) => [mkdir?.path, mkdir?.owner?.user?.byID]) ?? [])).toEqual([
    ['/a', 1000],
    ['/a/b', 1000],
  ]);
});

test.each([
  [0, '0s'],
  [1, '1ns'],
  [1500, '1.5µs'],
  [2e6, '2ms'],
  [1e9, '1s'],
  [90e9, '1m30s'],
  [3_600e9, '1h0m0s'],
  [5_400_500e6, '1h30m0.5s'],
])('%p nanoseconds are %s', (nanoseconds, text) => {
  expect(formatGoDuration(nanoseconds)).toBe(text);
});

test.each([
  ['VOLUME [""]', 'VOLUME specified can not be an empty string'],
  ['STOPSIGNAL nope', 'invalid signal: nope'],
  ['EXPOSE x', 'invalid containerPort: x'],
  ['EXPOSE 80/foo', 'invalid port: "80/foo": invalid proto: foo'],
  ['EXPOSE 90-91:80-85', 'invalid ranges specified for container and host Ports: 80-85 and 90-91'],
  ['EXPOSE a:1:80', 'invalid IP address: a'],
  ['EXPOSE 1:', 'invalid port: "1:": no port specified'],
])('%s is refused', async (line, message) => {
  await expect(build(`FROM busybox\n${line}`)).rejects.toThrow(message);
});
