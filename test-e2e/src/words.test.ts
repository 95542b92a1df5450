import { callApi, describeEngine, until } from './harness';

/** Words, states and the order of events that clients match on. */
describeEngine(
  'what clients match on',
  (suite) => {
    const { ok } = suite;
    const api = (method: string, path: string, body?: unknown) => callApi(suite.engine, method, path, body);
    afterEach(async () => {
      const all = (await ok('ps', '-aq')).split('\n').filter(Boolean);
      if (all.length > 0) await ok('rm', '-f', ...all);
    });

    /** Actions in order since the call began, up to the one named. */
    async function story(last: string, act: () => Promise<unknown>): Promise<string[]> {
      const from = `${Date.now() / 1000}`;
      await act();
      let seen: string[] = [];
      await until(`the event ${last}`, async () => {
        seen = (await ok('events', '--since', from, '--until', `${Date.now() / 1000}`, '--format', '{{.Action}}')).split('\n');
        return seen.includes(last);
      });
      return seen;
    }

    test('a stop thaws what is paused, and tells of the network before the end', async () => {
      await ok('run', '-d', '--name', 'sleeper', 'busybox', 'sleep', '600');
      await ok('pause', 'sleeper');
      const stop = await story('die', () => ok('stop', '-t', '1', 'sleeper'));
      expect(stop.slice(0, 4)).toEqual(['kill', 'unpause', 'kill', 'disconnect']);
      expect(stop.slice(4).sort()).toEqual(['die', 'stop']);
      await ok('start', 'sleeper');
      await ok('pause', 'sleeper');
      expect(await story('die', () => ok('kill', 'sleeper'))).toEqual(['kill', 'disconnect', 'die']);
      await ok('start', 'sleeper');
      await ok('pause', 'sleeper');
      const restart = await story('restart', () => ok('restart', '-t', '0', 'sleeper'));
      expect(restart.filter((action) => action === 'unpause')).toHaveLength(1);
      expect(restart.slice(-3)).toEqual(['connect', 'start', 'restart']);
      expect(restart.indexOf('disconnect')).toBeLessThan(restart.indexOf('die'));
      expect(await story('destroy', () => ok('run', '--rm', 'busybox', 'true'))).toEqual([
        'create',
        'attach',
        'connect',
        'start',
        'disconnect',
        'die',
        'destroy',
      ]);
    });

    test('a signal thaws a paused container when it is the one that stops it', async () => {
      await ok('run', '-d', '--name', 'plain', 'busybox', 'sleep', '600');
      await ok('pause', 'plain');
      await ok('kill', '-s', 'USR1', 'plain'); // no stop signal of its own: any is taken for one
      await until('it to end', async () => (await ok('inspect', '-f', '{{.State.Paused}}', 'plain')) === 'false');
      await ok('run', '-d', '--name', 'own', '--stop-signal', 'INT', 'busybox', 'sleep', '600');
      await ok('pause', 'own');
      await ok('kill', '-s', 'USR2', 'own');
      expect(await ok('inspect', '-f', '{{.State.Status}}', 'own')).toBe('paused');
      await ok('kill', '-s', 'INT', 'own');
      await until('it to be thawed', async () => (await ok('inspect', '-f', '{{.State.Paused}}', 'own')) === 'false');
    });

    test('refusals in the words of docker, with the name that the caller used', async () => {
      const id = await ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '600');
      const short = id.slice(0, 12);
      expect(await api('POST', '/containers/box/unpause')).toMatchObject({ status: 500, message: `Container ${id} is not paused` });
      expect(await api('POST', '/containers/box/kill?signal=NONE')).toMatchObject({
        status: 400,
        message: 'cannot kill container: box: invalid signal: NONE',
      });
      expect(await api('POST', '/containers/box/kill?signal=65')).toMatchObject({
        status: 400,
        message: 'cannot kill container: box: the linux daemon does not support signal 65',
      });
      expect(await api('POST', '/containers/box/stop?signal=NONE')).toMatchObject({
        status: 500,
        message: 'cannot stop container: box: invalid signal: NONE',
      });
      expect(await api('POST', '/containers/box/restart?signal=NONE')).toMatchObject({
        status: 500,
        message: 'Cannot restart container box: invalid signal: NONE',
      });
      for (const name of ['box', id, short])
        expect(await api('DELETE', `/containers/${name}`)).toMatchObject({
          status: 409,
          message: `cannot remove container "${name}": container is running: stop the container before removing or force remove`,
        });
      expect(await api('POST', '/containers/box/exec', { Cmd: ['true'], User: 'nobody-here' })).toMatchObject({
        status: 400,
        message: 'unable to find user nobody-here: no matching entries in passwd file',
      });
      await ok('pause', 'box');
      expect(await api('POST', `/containers/${short}/pause`)).toMatchObject({ status: 409, message: `Container ${id} is already paused` });
      expect(await api('DELETE', '/containers/box')).toMatchObject({
        status: 409,
        message: 'cannot remove container "box": container is paused and must be unpaused first',
      });
      expect(await api('POST', '/containers/box/exec', { Cmd: ['true'] })).toMatchObject({
        status: 409,
        message: 'Container box is paused, unpause the container before exec',
      });
    });

    test('limits and mounts as inspect tells them', async () => {
      await ok('run', '-d', '--name', 'limited', '--pids-limit', '10', 'busybox', 'sleep', '600');
      await ok('update', '--pids-limit', '-1', 'limited');
      expect(await ok('inspect', '-f', '{{.HostConfig.PidsLimit}}', 'limited')).toBe('0');
      const mounts = async (...flags: string[]): Promise<unknown> => {
        await ok('create', '--name', 'mounted', ...flags, 'busybox', 'true');
        const shown = JSON.parse(await ok('inspect', '-f', '{{json .Mounts}}', 'mounted')) as { Type: string; Destination: string }[];
        await ok('start', '-a', 'mounted');
        await ok('rm', '-v', 'mounted');
        return shown.map(({ Type, Destination }) => `${Type} ${Destination}`);
      };
      expect(await mounts('-v', '/foo', '--tmpfs', '/foo')).toEqual([]);
      expect(await mounts('--mount', 'type=volume,dst=/foo', '--tmpfs', '/foo')).toEqual(['volume /foo']);
      expect(await mounts('--mount', 'type=tmpfs,dst=/foo')).toEqual(['tmpfs /foo']);
      const refused = await suite.docker(['create', '-v', '/tmp:/foo', '--tmpfs', '/foo', 'busybox']);
      expect(refused.stderr).toContain('Duplicate mount point: /foo');
    });

    test('each time that memory runs out is told, also when nothing may be killed for it', async () => {
      const hungry = (seconds: string): string => `${seconds}; dd if=/dev/zero of=/dev/null bs=64M count=1`;
      const flags = ['-m', '16m', '--memory-swap', '16m'];
      const twice = await story('die', async () => {
        await ok('run', '-d', '--name', 'twice', ...flags, 'busybox', 'sh', '-c', `${hungry('sleep 0.3')}; ${hungry('sleep 0.5')}`);
        await ok('wait', 'twice');
      });
      expect(twice.filter((action) => action === 'oom')).toHaveLength(2);
      if ((await ok('info', '-f', '{{.CgroupVersion}}')) !== '1') return; // version 2 cannot switch the killer off
      await story('oom', () =>
        ok('run', '-d', '--name', 'stuck', '--oom-kill-disable', ...flags, 'busybox', 'sh', '-c', hungry('sleep 0.3')),
      );
      expect(await ok('inspect', '-f', '{{.State.OOMKilled}} {{.State.Status}}', 'stuck')).toBe('true running');
    });
  },
  { since: 28 },
);
