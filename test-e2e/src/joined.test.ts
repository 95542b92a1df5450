import { callApi, describeEngine, removeGroups } from './harness';

/** Containers that share namespaces of others: who is meant stays the same, whatever its name becomes. */
describeEngine(
  'joined namespaces',
  (suite) => {
    const { ok, docker } = suite;
    const start = (name: string) => callApi(suite.engine, 'POST', `/containers/${name}/start`);
    afterEach(async () => {
      const all = (await ok('ps', '-aq')).split('\n').filter(Boolean);
      if (all.length > 0) await ok('rm', '-f', ...all);
    });

    test('a joined container is kept by its id: a later one of its name is not joined in its place', async () => {
      const donor = await ok('run', '-d', '--name', 'donor', '--ipc', 'shareable', 'busybox', 'sleep', '600');
      const modes = ['--net', 'container:donor', '--pid', 'container:donor', '--ipc', `container:${donor.slice(0, 12)}`];
      await ok('create', '--name', 'guest', ...modes, 'busybox', 'sleep', '600');
      await ok('rename', 'donor', 'old');
      await ok('run', '-d', '--name', 'donor', '--ipc', 'shareable', 'busybox', 'sleep', '600');
      await ok('start', 'guest');
      expect(await ok('inspect', '-f', '{{.HostConfig.NetworkMode}} {{.HostConfig.PidMode}} {{.HostConfig.IpcMode}}', 'guest')).toBe(
        Array(3).fill(`container:${donor}`).join(' '),
      );
      const spaces = (name: string): Promise<string> =>
        ok('exec', name, 'sh', '-c', 'for ns in net pid ipc; do readlink /proc/self/ns/$ns; done');
      expect(await spaces('guest')).toBe(await spaces('old'));
      expect(await ok('exec', 'guest', 'cat', '/etc/hosts')).toBe(await ok('exec', 'old', 'cat', '/etc/hosts'));
    });

    test('one that has joined can be joined itself', async () => {
      await ok('run', '-d', '--name', 'first', '--ipc', 'shareable', 'busybox', 'sleep', '600');
      await ok('run', '-d', '--name', 'second', '--net', 'container:first', '--ipc', 'container:first', 'busybox', 'sleep', '600');
      await ok('exec', 'second', 'sh', '-c', 'echo shared > /dev/shm/note');
      expect(
        await ok(
          'run',
          '--rm',
          '--net',
          'container:second',
          '--ipc',
          'container:second',
          'busybox',
          'sh',
          '-c',
          'hostname; cat /dev/shm/note',
        ),
      ).toBe(`${await ok('exec', 'first', 'hostname')}\nshared`);
    });

    test('each namespace says in its own way why it cannot be joined', async () => {
      const ended = await ok('create', '--name', 'ended', 'busybox', 'true');
      await ok('start', '-a', 'ended');
      const loner = await ok('run', '-d', '--name', 'loner', 'busybox', 'sleep', '600');
      for (const kind of ['net', 'pid', 'ipc']) await ok('create', '--name', kind, `--${kind}`, 'container:ended', 'busybox', 'true');
      expect(await start('net')).toMatchObject({
        status: 409,
        message: 'cannot join network namespace of a non running container: container ended is exited',
      });
      expect(await start('pid')).toMatchObject({ status: 500, message: `failed to join PID namespace: container ${ended} is not running` });
      expect(await start('ipc')).toMatchObject({ status: 409, message: `failed to join IPC namespace: container ${ended} is not running` });
      await ok('create', '--name', 'private', '--ipc', 'container:loner', 'busybox', 'true');
      expect(await start('private')).toMatchObject({
        status: 400,
        message: `failed to join IPC namespace: container ${loner}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      });
      await ok('rm', 'ended');
      expect(await start('net')).toMatchObject({
        status: 500,
        message: `joining network namespace of container: No such container: ${ended}`,
      });
      expect(await start('pid')).toMatchObject({ status: 500, message: `failed to join PID namespace: No such container: ${ended}` });
      expect(await start('ipc')).toMatchObject({ status: 400, message: `failed to join IPC namespace: No such container: ${ended}` });
      await ok('create', '--name', 'self', '--net', 'container:self', 'busybox', 'true');
      expect(await start('self')).toMatchObject({ status: 500, message: 'cannot join own network namespace' });
      expect((await docker(['create', '--pid', 'container:nobody', 'busybox'])).stderr).toContain('No such container: nobody');
    });

    test('a cgroup parent climbs no higher than the root, and cgroups are written to when that is asked for', async () => {
      const group = (
        await ok('run', '--name', 'climber', '--cgroup-parent', '../../gantry-x', 'busybox', 'cat', '/proc/self/cgroup')
      ).split('\n');
      expect(
        group
          .filter((line) => !line.includes(':memory:'))
          .every((line) => /:\/(gantry-x\/[0-9a-f]{64}$|$)/.test(line.replace(/^\d+:[^:]*/, ''))),
      ).toBe(true);
      await ok('rm', 'climber');
      await removeGroups('/gantry-x'); // a parent that a user named stays
      const mounted = async (...flags: string[]): Promise<string[]> =>
        (await ok('run', '--rm', ...flags, 'busybox', 'awk', '$3 ~ /^cgroup/ {print substr($4, 1, 2)}', '/proc/mounts')).split('\n');
      expect(new Set(await mounted('--security-opt', 'writable-cgroups=true'))).toEqual(new Set(['rw']));
      const { status } = await callApi(suite.engine, 'POST', '/containers/create?name=short', {
        Image: 'busybox',
        HostConfig: { SecurityOpt: ['writable-cgroups'] },
      });
      expect(status).toBe(201);
      expect(new Set(await mounted('--security-opt', 'writable-cgroups=0'))).toEqual(new Set(['ro']));
      expect((await docker(['run', '--rm', '--security-opt', 'writable-cgroups=maybe', 'busybox', 'true'])).stderr).toContain(
        'invalid --security-opt 2: "writable-cgroups=maybe"',
      );
    });
  },
  { since: 28 },
);
