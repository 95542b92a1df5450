import { MountType, NetMode, SecurityMode } from '@gantry/api/pb/ops';
import { build } from '../testing/fake-bridge';

const FROM = 'FROM busybox\n';

async function run(line: string, options: Readonly<Record<string, string>> = {}) {
  const { steps, config } = await build(FROM + line, { options });
  const found = steps.findLast(({ op }) => op.exec !== undefined);
  return { steps, step: found, exec: found?.op.exec, history: config.history.at(-1)?.created_by };
}

test('a mount of each kind', async () => {
  const { exec, steps } = await run(
    [
      'ENV PLACE=/place',
      'RUN --mount=target=$PLACE --mount=type=bind,from=busybox,source=/s,target=/rw,rw \\',
      ' --mount=type=cache,target=/c --mount=type=cache,id=i,target=rel,sharing=private,uid=1,mode=0700 --mount=type=tmpfs,target=/t,size=2k \\',
      ' --mount=type=secret,id=a/s --mount=type=secret,id=e,env=E --mount=type=ssh,required go',
    ].join('\n'),
  );
  expect(
    exec?.mounts.map(({ dest, selector, mountType, readonly, output }) => [dest, selector, MountType[mountType], readonly, Number(output)]),
  ).toEqual([
    ['/', '', 'BIND', false, 0],
    ['/c', '', 'CACHE', false, -1],
    ['/place', '', 'BIND', true, -1],
    ['/rel', '/cache', 'CACHE', false, -1],
    ['/rw', '/s', 'BIND', false, -1],
    ['/t', '', 'TMPFS', false, -1],
    ['/run/secrets/s', '', 'SECRET', false, 0],
    ['/run/buildkit/ssh_agent.0', '', 'SSH', false, 0],
  ]);
  expect(exec?.mounts.map(({ cacheOpt }) => cacheOpt?.ID).filter(Boolean)).toEqual(['//c', '/i']);
  expect(exec?.mounts.find(({ TmpfsOpt: tmpfs }) => tmpfs !== undefined)?.TmpfsOpt?.size).toBe(2048n);
  expect(exec?.mounts.at(-1)?.SSHOpt).toMatchObject({ optional: false, mode: 0o600 });
  expect(exec?.secretenv).toEqual([{ ID: 'e', name: 'E', optional: true }]);
  expect(steps.map(({ name }) => name)).toContain('[internal] setting cache mount permissions');
});

test('network, security, devices, and what the client asks of all steps', async () => {
  const { exec, step } = await run('RUN --network=none --security=insecure --device=v.com/c=d go', {
    'force-network-mode': 'host',
    'add-hosts': 'h=1.2.3.4',
    'shm-size': '100',
    ulimit: 'nofile=1:2',
    'cgroup-parent': '/c',
    hostname: 'here',
    'build-arg:HTTP_PROXY': 'http://proxy',
    'no-cache': '',
  });
  expect(exec).toMatchObject({
    network: NetMode.NONE,
    security: SecurityMode.INSECURE,
    cdiDevices: [{ name: 'v.com/c=d', optional: true }],
    meta: {
      hostname: 'here',
      cgroupParent: '/c',
      extraHosts: [{ Host: 'h', IP: '1.2.3.4' }],
      ulimit: [{ Name: 'nofile', Soft: 1n, Hard: 2n }],
      proxyEnv: { httpProxy: 'http://proxy' },
    },
  });
  expect(exec?.mounts.map(({ dest }) => dest)).toEqual(['/', '/dev/shm']);
  expect(step?.metadata.ignoreCache).toBe(true);
  expect(JSON.stringify(exec?.meta?.env)).not.toContain('proxy');
  const all = await run('RUN --network=default go', { 'force-network-mode': 'host' });
  expect(all.exec?.network).toBe(NetMode.HOST);
});

test.each([
  ['RUN a "b"', ['/bin/sh', '-c', 'a "b"'], '[2/2] RUN a "b"', 'RUN /bin/sh -c a "b" # buildkit'],
  ['RUN ["a","b c"]', ['a', 'b c'], '[2/2] RUN ["a","b c"]', 'RUN a b c # buildkit'],
  ['run', ['/bin/sh', '-c', ''], '[2/2] RUN', 'RUN /bin/sh -c  # buildkit'],
  ['SHELL ["/x", "-e"]\nRUN a', ['/x', '-e', 'a'], '[2/2] RUN a', 'RUN /x -e a # buildkit'],
  ['RUN <<EOF\na\nb\nEOF', ['/bin/sh', '-c', 'a\nb\n'], '[2/2] RUN <<EOF (a...)', 'RUN /bin/sh -c a\nb\n # buildkit'],
  ['RUN <<-E\n\ta\n\tE', ['/bin/sh', '-c', 'a\n'], '[2/2] RUN <<-E (a)', 'RUN /bin/sh -c a\n # buildkit'],
  [
    'RUN cat <<A <<B\n1\nA\n2\nB',
    ['/bin/sh', '-c', 'cat <<A <<B\n1\nA\n2\nB'],
    '[2/2] RUN cat <<A <<B',
    'RUN /bin/sh -c cat <<A <<B\n1\nA\n2\nB # buildkit',
  ],
  ['ARG V=1\nARG W\nRUN $V', ['/bin/sh', '-c', '$V'], '[2/2] RUN 1', 'RUN |2 V=1 W= /bin/sh -c $V # buildkit'],
])('%j', async (line, args, name, history) => {
  const found = await run(line);
  expect(found.exec?.meta?.args).toEqual(args);
  expect(found.step?.name).toBe(name);
  expect(found.history).toBe(history);
});

test('a script of its own is a file that is run', async () => {
  const { exec, steps } = await run('RUN <<EOF\n#!/bin/x\ngo\nEOF');
  expect(exec?.meta?.args).toEqual(['/bin/sh', '-c', '/dev/pipes/EOF']);
  expect(exec?.mounts[1]).toMatchObject({ dest: '/dev/pipes/', readonly: true });
  const [script] = steps.flatMap(({ op }) => op.file?.actions ?? []);
  expect(script?.mkfile).toMatchObject({ path: '/EOF', mode: 0o755, data: Buffer.from('#!/bin/x\ngo\n') });
});

test('a secret in the environment is not shown in the name of the step', async () => {
  const { step } = await run('ENV S=open\nRUN --mount=type=secret,id=s,env=S curl $S');
  expect(step?.name).toBe('[stage-0 2/2] RUN --mount=type=secret,id=s,env=S curl ****');
});

test.each([
  ['RUN []', 'arguments are required'],
  ['RUN --mount=type=cache,target=/ a', 'invalid mount target "/"'],
  ['RUN --mount=type=ssh,source=a b', 'ssh does not support source'],
  ['RUN --mount=type=cach,target=/a b', 'unsupported mount type "cach" (did you mean cache?)'],
])('%s is refused', async (line, message) => {
  await expect(build(FROM + line)).rejects.toThrow(message);
});
