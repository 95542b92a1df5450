import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEngine, until } from './harness';
import { workingCriu } from './harness/criu';

const criu = workingCriu();
const counter = ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i; echo $i > /vol/n; sleep 0.1; done'];

if (criu === undefined) test.skip('checkpoints [needs a criu whose check passes, GANTRY_CRIU]', () => undefined);
else {
  // the engine looks for it by its name
  const programs = mkdtempSync(join(tmpdir(), 'gantry-criu-'));
  symlinkSync(criu, join(programs, 'criu'));
  afterAll(() => rmSync(programs, { recursive: true }));

  describeEngine(
    'checkpoints',
    (suite) => {
      const { ok, docker, kind } = suite;
      const refused = async (...args: string[]): Promise<string> => {
        const { code, stderr } = await docker(args);
        expect(code).not.toBe(0);
        return stderr.trim().replace('Error response from daemon: ', '');
      };
      const last = async (name: string): Promise<number> => Number((await ok('logs', '--tail', '1', name)).trim());
      /** What docker says of a restore: 28.5.2's own fails. */
      const onOurs = kind === 'gantry' ? test : test.skip;

      test('are made, listed and removed, in docker’s words', async () => {
        expect(await refused('checkpoint', 'ls', 'nobody')).toBe('No such container: nobody');
        await ok('run', '-d', '--name', 'one', '-v', 'vol:/vol', '-p', '127.0.0.1:8080:80', 'busybox', ...counter);
        const id = await ok('inspect', '-f', '{{.Id}}', 'one');
        expect(await ok('checkpoint', 'ls', 'one')).toBe('CHECKPOINT NAME');
        expect(await ok('checkpoint', 'create', '--leave-running', 'one', 'first')).toBe('first');
        expect(await ok('ps', '--format', '{{.Names}} {{.State}}')).toBe('one running');
        expect(await refused('checkpoint', 'create', 'one', 'first')).toBe(
          'cannot checkpoint container one: checkpoint with name first already exists for container one',
        );
        for (const name of ['a b', '../x', 'x'])
          expect(await refused('checkpoint', 'create', 'one', name)).toBe(
            `Invalid checkpoint ID (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
          );
        const elsewhere = join(suite.engine.folder, 'elsewhere');
        mkdirSync(elsewhere);
        await ok('checkpoint', 'create', '--leave-running', '--checkpoint-dir', elsewhere, 'one', 'outside');
        expect(existsSync(join(elsewhere, 'outside', 'inventory.img'))).toBe(true);
        expect(await ok('checkpoint', 'ls', '--checkpoint-dir', elsewhere, 'one')).toBe('CHECKPOINT NAME\noutside');
        expect(await ok('checkpoint', 'create', 'one', 'second')).toBe('second');
        await until('its end', async () => (await ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'one')) === 'exited 137');
        expect(await refused('checkpoint', 'create', 'one', 'third')).toBe(`container ${id} is not running`);
        expect(await ok('checkpoint', 'ls', 'one')).toBe('CHECKPOINT NAME\nfirst\nsecond');
        expect(await refused('checkpoint', 'ls', '--checkpoint-dir', '/no/such', 'one')).toBe(
          'checkpoint  does not exist for container one',
        );
        await ok('checkpoint', 'rm', '--checkpoint-dir', elsewhere, 'one', 'outside');
        expect(readdirSync(elsewhere)).toEqual([]);
        expect(await refused('checkpoint', 'rm', 'one', 'none')).toBe('checkpoint none does not exist for container one');
        expect(await refused('start', '--checkpoint', 'none', 'one')).toBe('checkpoint none does not exist for container /one');
        expect(await refused('start', '--checkpoint', 'second', '--checkpoint-dir', elsewhere, 'one')).toBe(
          'custom checkpointdir is not supported',
        );
        expect(await ok('ps', '-a', '--format', '{{.Names}} {{.State}}')).toBe('one exited');
        const events = ['--since', '1', '--until', String(Math.ceil(Date.now() / 1000)), '--filter', 'event=checkpoint'];
        expect(await ok('events', ...events, '--format', '{{.Type}} {{.Actor.Attributes.name}}')).toBe(
          'container one\ncontainer one\ncontainer one',
        );
      }, 120_000);

      onOurs(
        'a container goes on from one, with its volume, its network and its ports',
        async () => {
          const before = await last('one');
          expect(await ok('start', '--checkpoint', 'second', 'one')).toBe('');
          await until('further lines', async () => (await last('one')) > before + 3);
          const lines = (await ok('logs', 'one')).split('\n').map(Number);
          expect(lines).toEqual(lines.map((_, index) => index + 1));
          expect(Number(await ok('exec', 'one', 'cat', '/vol/n'))).toBeGreaterThan(before);
          const address = await ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'one');
          expect(await ok('exec', 'one', 'ip', '-o', '-4', 'addr', 'show', 'eth0')).toContain(`${address}/`);
          await ok('exec', '-d', 'one', 'sh', '-c', 'echo served | nc -l -p 80');
          await until('the port', async () =>
            (await suite.engine.onHost('busybox', ['nc', '-w', '2', '127.0.0.1', '8080'])).stdout.includes('served'),
          );
          expect(await ok('inspect', '-f', '{{.State.Running}}', 'one')).toBe('true');
          for (const verb of ['pause', 'unpause']) await ok(verb, 'one');
          await ok('update', '--memory', '100m', '--memory-swap', '100m', 'one');
          await ok('stats', '--no-stream', 'one');
          await ok('network', 'create', 'later');
          await ok('network', 'connect', 'later', 'one');
          await ok('network', 'disconnect', 'later', 'one');
          await ok('network', 'rm', 'later');
          expect(await ok('checkpoint', 'create', '--leave-running', 'one', 'again')).toBe('again');
          await ok('restart', '-t', '0', 'one');
          await until('it to begin anew', async () => (await ok('logs', 'one')).split('\n').filter((line) => line === '1').length === 2);
        },
        120_000,
      );

      onOurs(
        'it goes on when the services are killed, and its end is told',
        async () => {
          await ok('kill', 'one');
          await ok('start', '--checkpoint', 'again', 'one');
          for (const service of ['gantry-shim', 'gantry-network', 'gantry-supervisor']) await suite.engine.killService(service);
          await until('the engine to answer again', async () => (await docker(['exec', 'one', 'true'])).code === 0);
          await ok('exec', 'one', 'ip', 'addr', 'show', 'eth0');
          await ok('kill', '-s', 'KILL', 'one');
          await until('its end', async () => (await ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'one')) === 'exited 137');
          await ok('rm', '-fv', 'one');
          await ok('volume', 'rm', 'vol');
          const holders = join(suite.engine.run, 'shim', 'holders');
          expect(existsSync(holders) ? readdirSync(holders) : []).toEqual([]);
        },
        120_000,
      );

      onOurs(
        'one with a terminal, and one on the host’s network',
        async () => {
          for (const [name, flag] of [
            ['tty', '-t'],
            ['host', '--network=host'],
          ] as const) {
            await ok('run', '-d', flag, '--name', name, '-v', '/vol', 'busybox', ...counter);
            await until('lines', async () => (await last(name)) > 2);
            await ok('checkpoint', 'create', name, 'point');
            await until('its end', async () => (await ok('inspect', '-f', '{{.State.Status}}', name)) === 'exited');
            const before = await last(name);
            await ok('start', '--checkpoint', 'point', name);
            await until('further lines', async () => (await last(name)) > before);
            await ok('rm', '-fv', name);
          }
        },
        120_000,
      );

      test('an open connection is refused with criu’s word, and everything goes on', async () => {
        await ok(
          'run',
          '-d',
          '--name',
          'talks',
          'busybox',
          'sh',
          '-c',
          'sleep 1000 | nc -l -p 7000 & sleep 1; sleep 1000 | nc 127.0.0.1 7000',
        );
        await until('the connection', async () =>
          (await ok('exec', 'talks', 'cat', '/proc/net/tcp')).split('\n').some((line) => / 01 /.test(line)),
        );
        expect(await refused('checkpoint', 'create', 'talks', 'tcp')).toMatch(/^Cannot checkpoint container talks: .*criu failed/s);
        expect(await ok('checkpoint', 'ls', 'talks')).toBe('CHECKPOINT NAME');
        expect(await ok('inspect', '-f', '{{.State.Status}}', 'talks')).toBe('running');
        await ok('exec', 'talks', 'true');
        await ok('rm', '-f', 'talks');
      }, 60_000);

      test('a container that was never started has none', async () => {
        await ok('create', '--name', 'made', 'busybox', 'true');
        const id = await ok('inspect', '-f', '{{.Id}}', 'made');
        expect(await refused('checkpoint', 'create', 'made', 'none')).toBe(`container ${id} is not running`);
        expect(await refused('start', '-a', '--checkpoint', 'none', 'made')).toBe('checkpoint none does not exist for container /made');
        await ok('rm', 'made');
        expect(readFileSync(suite.engine.log, 'utf8')).not.toContain('unhandled');
      }, 60_000);
    },
    {
      separate: true,
      since: 28,
      config: { gateway: 'experimental: true\n', supervisor: 'experimental: true\n' },
      ...(process.env['GANTRY_E2E_PEER'] === 'only' ? { args: ['--experimental'] } : {}),
      environment: { PATH: `${programs}:${process.env['PATH'] ?? ''}` },
    },
  );
}
