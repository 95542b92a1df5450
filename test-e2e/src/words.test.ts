import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
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

    test('a list since or before a container has what runs; the default runtime and hidden paths are named as docker names them', async () => {
      for (const name of ['first', 'third']) await ok('run', '-d', '--name', name, 'busybox', 'sleep', '600');
      await ok('run', '--name', 'ended', 'busybox', 'true');
      const names = async (...flags: string[]) => (await ok('ps', '--format', '{{.Names}}', ...flags)).split('\n').filter(Boolean);
      expect(await names('-f', 'since=first')).toEqual(['third']);
      expect(await names('-a', '-f', 'since=first')).toEqual(['ended', 'third']);
      expect(await names('-f', 'before=third')).toEqual(['first']);
      expect(await ok('info', '-f', '{{.DefaultRuntime}}')).toBe('runc');
      expect(await ok('inspect', '-f', '{{.HostConfig.Runtime}} {{index .HostConfig.MaskedPaths 0}}', 'first')).toBe('runc /proc/asound');
      expect(await api('POST', '/containers/create', { Image: 'busybox', HostConfig: { NetworkMode: 'container' } })).toMatchObject({
        status: 400,
        message: 'invalid network mode: invalid container format container:<name|id>',
      });
      expect(await api('POST', '/containers/create', { Image: '' })).toMatchObject({ status: 400, message: 'no command specified' });
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

    test('what networks refuse, and that one which is gone can be left', async () => {
      await ok('network', 'create', 'lan');
      await ok('network', 'create', '--subnet', '10.77.0.0/24', 'fixed');
      const ids = new Map<string, string>();
      for (const [name, mode] of [
        ['bridged', 'bridge'],
        ['hosted', 'host'],
        ['lonely', 'none'],
        ['guest', 'container:bridged'],
      ])
        ids.set(name ?? '', await ok('run', '-d', '--name', name ?? '', '--net', mode ?? '', 'busybox', 'sleep', '600'));
      const connect = (network: string, container: string, config: object = {}) =>
        api('POST', `/networks/${network}/connect`, { Container: container, EndpointConfig: config });
      const disconnect = (network: string, container: string, force = false) =>
        api('POST', `/networks/${network}/disconnect`, { Container: container, Force: force });
      const refused = async (answer: Promise<{ status: number; message: string }>): Promise<string> => {
        const { status, message } = await answer;
        return `${status} ${message}`;
      };
      const shares = '400 container sharing network namespace with another container or host cannot be connected to any other network';
      const alias = '400 invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks';
      const isolated = '400 container cannot be connected to multiple networks with one of the networks in private (none) mode';
      for (const network of ['bridge', 'host', 'none']) {
        expect(await refused(connect(network, 'bridged', { Aliases: ['a'] }))).toBe(alias);
        expect(await refused(connect(network, 'guest', { Aliases: ['a'] }))).toBe(shares);
      }
      expect(await refused(connect('bridge', 'bridged'))).toBe('403 endpoint with name bridged already exists in network bridge');
      expect(await refused(connect('none', 'lonely'))).toBe('403 endpoint with name lonely already exists in network none');
      expect(await refused(connect('host', 'bridged'))).toBe(
        '400 cannot connect container to host network - container must be created in host network mode',
      );
      expect(await refused(connect('lan', 'hosted'))).toBe(shares);
      expect(await refused(connect('lan', 'lonely'))).toBe(isolated);
      expect(await refused(connect('bridge', 'lonely', { IPAMConfig: { IPv4Address: '172.17.0.99' } }))).toBe(
        '400 invalid endpoint settings:\n* user specified IP address is supported on user defined networks only\n* user specified IP address is supported only when connecting to networks with user configured subnets',
      );
      const unconfigured =
        'invalid endpoint settings:\nuser specified IP address is supported only when connecting to networks with user configured subnets';
      expect(await refused(connect('lan', 'bridged', { IPAMConfig: { IPv4Address: '172.31.0.9' } }))).toBe(`400 ${unconfigured}`);
      expect(await refused(connect('fixed', 'bridged', { IPAMConfig: { IPv6Address: '2001:db8::9' } }))).toBe(`400 ${unconfigured}`);
      expect(await refused(connect('fixed', 'bridged', { IPAMConfig: { IPv4Address: '10.78.0.9' } }))).toBe(
        '400 invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.78.0.9',
      );
      expect((await suite.docker(['run', '--rm', '--net', 'lan', '--ip', '172.31.0.9', 'busybox', 'true'])).stderr).toContain(
        `invalid config for network lan: ${unconfigured}`,
      );
      expect(await refused(disconnect('host', 'bridged', true))).toBe(
        `500 container ${ids.get('bridged')} is not connected to network host`,
      );
      expect(await refused(disconnect('host', 'hosted'))).toBe(
        '400 cannot disconnect container from host network - container was created in host network mode',
      );
      await ok('network', 'create', 'gone');
      const left = await ok('create', '--name', 'left', '--net', 'gone', 'busybox', 'true');
      await ok('network', 'rm', 'gone');
      expect((await disconnect('gone', 'left', true)).status).toBe(200);
      expect(await refused(disconnect('gone', 'left'))).toBe(`500 container ${left} is not connected to the network gone`);
      await ok('run', '-d', '--name', 'elsewhere', '--net', 'lan', 'busybox', 'sleep', '600');
      expect((await suite.docker(['run', '--rm', '--link', 'elsewhere:e', 'busybox', 'true'])).stderr).toContain(
        'not attached to default bridge network',
      );
      await ok('rm', '-f', 'elsewhere');
      const likeId = 'a'.repeat(64);
      await ok('network', 'create', likeId);
      await ok('network', 'rm', likeId, 'lan', 'fixed');
    });

    test('what create refuses, cleans and makes', async () => {
      const create = async (host: object, more: object = {}): Promise<string> => {
        const { status, message } = await api('POST', '/containers/create?name=made', { Image: 'busybox', HostConfig: host, ...more });
        return `${status} ${message}`;
      };
      expect(await create({}, { Image: '', Tty: true })).toBe('400 no command specified');
      expect(await create({ NetworkMode: 'container' })).toBe('400 invalid network mode: invalid container format container:<name|id>');
      expect(await create({ Annotations: { '': 'x' } })).toBe(
        '400 invalid Annotations: the empty string is not permitted as an annotation key',
      );
      expect(await create({ LogConfig: { Type: 'nope' } })).toBe('400 error looking up logging plugin nope: plugin "nope" not found');
      expect(await create({ Binds: ['vol:/test:shared'] })).toContain(
        'invalid volume specification: \'vol:/test:shared\': invalid mount config for type "volume": field BindOptions must not be specified',
      );
      const volume = (Subpath: string) => ({ Mounts: [{ Type: 'volume', Source: 'parts', Target: '/v', VolumeOptions: { Subpath } }] });
      expect(await create(volume('../up'))).toBe(
        '400 invalid mount config for type "volume": subpath must be a relative path within the volume',
      );
      await create(volume('none'));
      const place = await ok('volume', 'inspect', '-f', '{{.Mountpoint}}', 'parts');
      expect(await api('POST', '/containers/made/start')).toMatchObject({
        status: 404,
        message: `cannot access path ${place}/none: lstat ${place}/none: no such file or directory`,
      });
      await ok('rm', 'made');
      await ok('run', '--rm', '-v', 'parts:/v', 'busybox', 'ln', '-s', '/etc', '/v/out');
      await create(volume('out'));
      expect(await api('POST', '/containers/made/start')).toMatchObject({
        status: 400,
        message: `path concatenation escapes the base directory, base: ${place}, subpath: out`,
      });
      await ok('rm', 'made');
      await ok('volume', 'rm', 'parts');
      await ok('create', '--name', 'made', '-w', '/home//foo/bar/', 'busybox', 'true');
      expect(await ok('inspect', '-f', '{{.Config.WorkingDir}}', 'made')).toBe('/home/foo/bar');
      await ok('cp', 'made:/home/foo/bar', join(suite.engine.folder, 'bar'));
      expect(existsSync(join(suite.engine.folder, 'bar'))).toBe(true);
      expect(
        existsSync(join(await ok('info', '-f', '{{.DockerRootDir}}'), 'containers', await ok('inspect', '-f', '{{.Id}}', 'made'))),
      ).toBe(true);
    });

    test('filters by age show what runs, unless all are asked for', async () => {
      await ok('run', '-d', '--name', 'one', 'busybox', 'sleep', '600');
      await ok('run', '--name', 'two', 'busybox', 'true');
      await ok('run', '-d', '--name', 'three', 'busybox', 'sleep', '600');
      const shown = async (...flags: string[]): Promise<string[]> => (await ok('ps', ...flags, '--format', '{{.Names}}')).split('\n');
      expect(await shown('--filter', 'since=one')).toEqual(['three']);
      expect(await shown('--filter', 'before=three')).toEqual(['one']);
      expect(await shown('-a', '--filter', 'since=one')).toEqual(['three', 'two']);
      expect(await shown('--filter', 'status=exited')).toEqual(['two']);
    });

    test('an exec that nobody started goes with its container, one that ended keeps its process id', async () => {
      await ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '600');
      const exec = async (): Promise<string> =>
        (JSON.parse((await api('POST', '/containers/box/exec', { Cmd: ['true'] })).body) as { Id: string }).Id;
      const [done, idle] = [await exec(), await exec()];
      await api('POST', `/exec/${done}/start`, { Detach: true });
      let state = { Running: true, Pid: 0 };
      await until('the exec to end', async () => {
        state = JSON.parse((await api('GET', `/exec/${done}/json`)).body) as typeof state;
        return !state.Running;
      });
      expect(state.Pid).toBeGreaterThan(1);
      expect(await api('POST', '/containers/box/exec', { Cmd: [] })).toMatchObject({ status: 400, message: 'No exec command specified' });
      await ok('stop', '-t', '0', 'box');
      expect(await api('POST', `/exec/${idle}/start`, { Detach: true })).toMatchObject({
        status: 404,
        message: `No such exec instance: ${idle}`,
      });
    });

    test('what others hold of a container follows it: shared volumes, addresses in hosts', async () => {
      await ok('run', '-d', '--name', 'parent', '-v', '/anonymous', '-v', 'named:/n', 'busybox', 'sleep', '600');
      await ok('run', '-d', '--name', 'child', '--volumes-from', 'parent', 'busybox', 'sleep', '600');
      await ok('rm', '-f', 'parent');
      await ok('rm', '-fv', 'child');
      expect(await ok('volume', 'ls', '-q')).toBe('named');
      await ok('volume', 'rm', 'named');
      await ok('run', '-d', '--name', 'target', 'busybox', 'sleep', '600');
      await ok('run', '-d', '--name', 'linker', '--link', 'target', 'busybox', 'sleep', '600');
      await ok('stop', '-t', '0', 'target');
      await ok('run', '-d', 'busybox', 'sleep', '600'); // may take the address
      await ok('start', 'target');
      const address = await ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'target');
      expect(await ok('exec', 'linker', 'grep', '-w', 'target', '/etc/hosts')).toMatch(new RegExp(`^${address}\\s`));
    });

    test('a late health check is told in full', async () => {
      const flags = ['--health-cmd', 'echo logs; sleep 5', '--health-timeout', '1500ms', '--health-interval', '100ms'];
      await ok('run', '-d', '--name', 'slow', ...flags, 'busybox', 'sleep', '600');
      const first = '{{with .State.Health}}{{range $i, $l := .Log}}{{if eq $i 0}}{{json $l.Output}}{{end}}{{end}}{{end}}';
      await until('the first check', async () => (await ok('inspect', '-f', first, 'slow')) !== '');
      expect(await ok('inspect', '-f', first, 'slow')).toBe('"Health check exceeded timeout (1.5s): logs\\n"');
    });

    test('a read-only root is written to through no link either', async () => {
      const bound = join(suite.engine.folder, 'bound');
      mkdirSync(bound);
      symlinkSync('/var', join(bound, 'out'));
      await ok('run', '-d', '--name', 'fixed', '--read-only', '-v', `${bound}:/vol`, 'busybox', 'sleep', '600');
      const put = (path: string) => api('PUT', `/containers/fixed/archive?path=${path}`, Buffer.alloc(1024));
      expect(await put('/vol/out')).toMatchObject({ status: 400, message: 'container rootfs is marked read-only' });
      expect(await put('/var')).toMatchObject({ status: 400, message: 'container rootfs is marked read-only' });
      expect((await put('/vol')).status).toBe(200);
    });

    test('limits and mounts as inspect tells them', async () => {
      await ok('create', '--name', 'masked', 'busybox', 'true');
      expect((JSON.parse(await ok('inspect', '-f', '{{json .HostConfig.MaskedPaths}}', 'masked')) as string[]).slice(0, 3)).toEqual([
        '/proc/asound',
        '/proc/acpi',
        '/proc/interrupts',
      ]);
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
      // Its memory grows by its own writes: where the kernel writes for a process, it gets an error instead.
      const hungry = (seconds: string): string => `${seconds}; sh -c 'x=0123456789abcdef; while :; do x=$x$x; done'`;
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
