/** Attacks of docs/attacks.md on a whole engine: what comes in by the API and what a container does to its host. */
import { execFileSync } from 'node:child_process';
import { cpSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEngine, until } from './harness';

describeEngine('attacks', (suite) => {
  const { ok, docker } = suite;
  const folder = join(tmpdir(), `gantry-e2e-${process.pid}-attacks`);
  beforeAll(() => mkdirSync(folder));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const fresh = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(join(path, 'bin'), { recursive: true });
    mkdirSync(join(path, 'etc'));
    cpSync('/bin/busybox', join(path, 'bin/busybox'));
    for (const applet of ['sh', 'id', 'sleep', 'cat', 'grep']) symlinkSync('busybox', join(path, 'bin', applet));
    return path;
  };
  const imported = (path: string, name: string): void => {
    execFileSync('sh', ['-c', `tar -C ${path} -cf - . | docker -H unix://${suite.engine.socket} import - ${name}`]);
  };

  test('2: a working directory of a descriptor, in run and exec, is none of the host', async () => {
    await ok('run', '-d', '--name', 'target', 'busybox', 'sleep', '600');
    for (let fd = 3; fd < 12; fd++) {
      const results = await Promise.all([
        docker(['run', '--rm', '-w', `/proc/self/fd/${fd}`, 'busybox', 'sh', '-c', 'pwd; ls ../../../..']),
        docker(['exec', '-w', `/proc/self/fd/${fd}`, 'target', 'sh', '-c', 'pwd; ls ../../../..']),
      ]);
      for (const { code, stdout } of results) {
        if (code === 0) expect(stdout).not.toMatch(/^(boot|work|srv)$/m);
        else expect(code).toBeGreaterThan(124);
      }
    }
  }, 180_000);

  test('11, 15: users beyond the numbers, or written otherwise, are errors and never root', async () => {
    for (const user of ['2147483648', '4294967296', '-1', '0x0', '1e3', '18446744073709551616', '0:4294967296']) {
      const run = await docker(['run', '--rm', '-u', user, 'busybox', 'id', '-u']);
      const exec = await docker(['exec', '-u', user, 'target', 'id', '-u']);
      expect([user, run.code !== 0, exec.code !== 0, run.stdout, /^0$/m.test(exec.stdout)]).toEqual([user, true, true, '', false]);
    }
    const path = fresh('numeric');
    writeFileSync(join(path, 'etc/passwd'), '1000:x:0:0:root:/:/bin/sh\n');
    imported(path, 'numeric');
    expect(await ok('run', '--rm', '-u', '1000', 'numeric', 'id', '-u')).toBe('1000');
  }, 180_000);

  test.each([
    ['a FIFO', (path: string) => execFileSync('mkfifo', [path])],
    ['a link to the host', (path: string) => symlinkSync('../../../../../../../../etc/passwd', path)],
    ['two gigabytes', (path: string) => execFileSync('truncate', ['-s', '2G', path])],
  ])(
    '16: /etc/passwd of the image is %s',
    async (what, make) => {
      const name = `passwd-${what.replace(/ .*/, '')}-${what.length}`;
      const path = fresh(name);
      make(join(path, 'etc/passwd'));
      execFileSync('sh', ['-c', `tar -S -C ${path} -cf - . | docker -H unix://${suite.engine.socket} import - ${name}`]);
      const { code } = await docker(['run', '--rm', '-u', 'daemon', name, 'id', '-u'], { timeout: 60_000 });
      expect(code).toBe(125);
    },
    180_000,
  );

  test('18: bombs of processes, memory and descriptors; the engine and a neighbour answer as before', async () => {
    await ok('run', '-d', '--name', 'bomb', '--pids-limit', '40', '-m', '48m', '--ulimit', 'nofile=128:128', 'busybox', 'sleep', '600');
    for (const bomb of [
      'while :; do sleep 60 & done',
      'i=3; while [ $i -lt 400 ]; do eval "exec $i</dev/null" || exec sleep 60; i=$((i+1)); done',
      'head -c 400m /dev/zero | tail -c 300m > /dev/null',
    ]) {
      await ok('exec', '-d', 'bomb', 'sh', '-c', bomb);
    }
    await until('the bombs to go off', async () => (await ok('top', 'bomb', '-eo', 'pid')).split('\n').length > 30);
    const began = Date.now();
    expect(await ok('exec', 'target', 'echo', 'neighbour')).toBe('neighbour');
    expect(await ok('ps', '-q', '--filter', 'name=bomb')).not.toBe('');
    expect(await ok('run', '--rm', 'busybox', 'echo', 'another')).toBe('another');
    expect(Date.now() - began).toBeLessThan(60_000);
    await ok('rm', '-f', 'bomb');
  }, 180_000);

  test('19: floods of exec, attach and resize leave no process, task or memory behind', async () => {
    await ok('run', '-dit', '--name', 'flooded', 'busybox', 'sh');
    const pids = async (): Promise<number> => (await ok('top', 'flooded', '-eo', 'pid')).split('\n').length;
    const before = await pids();
    const call = (line: string): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(suite.engine.socket, () =>
          socket.end(`POST /v1.41/containers/flooded/${line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`),
        );
        socket
          .on('error', () => undefined)
          .on('close', () => resolve())
          .resume();
        setTimeout(() => socket.destroy(), 3000).unref();
      });
    const resizes = Array.from({ length: 300 }, (_, i) => call(`resize?h=${1 + (i % 50)}&w=${i}`));
    const attaches = Array.from({ length: 60 }, () => call('attach?stream=1&stdout=1&logs=1'));
    const execs = Array.from({ length: 20 }, () => docker(['exec', 'flooded', 'true']));
    await Promise.all([...resizes, ...attaches, ...execs]);
    await until('the processes of the execs to be gone', async () => (await pids()) === before);
    expect(await ok('exec', 'flooded', 'echo', 'alive')).toBe('alive');
    await ok('rm', '-f', 'flooded');
  }, 180_000);

  if (process.env['GANTRY_E2E_PEER'] !== 'only') {
    test('20, 21: sockets are files of root alone, none is abstract; what holds state is closed to others', async () => {
      const { run, root } = suite.engine;
      expect(await ok('run', '--rm', '--network', 'host', 'busybox', 'cat', '/proc/net/unix')).not.toMatch(/@.*(gantry|shim|containerd)/);
      // a socket of the container that ran may go while this looks: its files follow behind the answer
      const sockets = [run, join(run, 's')]
        .flatMap((path) => readdirSync(path).map((name) => join(path, name)))
        .map((path) => ({ path, stat: lstatSync(path, { throwIfNoEntry: false }) }))
        .filter(({ path, stat }) => stat?.isSocket() === true && !path.endsWith('docker.sock'));
      expect(sockets.length).toBeGreaterThan(0);
      expect(sockets.filter(({ stat }) => ((stat?.mode ?? 0) & 0o077) !== 0)).toEqual([]);
      const closed = [
        join(run, 's'),
        join(run, 'tasks'),
        ...readdirSync(root)
          .map((name) => join(root, name))
          .filter((path) => statSync(path).isDirectory()),
      ];
      expect(closed.filter((path) => (statSync(path).mode & 0o077) !== 0 && !path.endsWith('/tasks'))).toEqual([]);
      execFileSync(
        'setpriv',
        [
          '--reuid',
          '65534',
          '--regid',
          '65534',
          '--clear-groups',
          'sh',
          '-c',
          `! ls ${join(run, 'tasks')}/*/* && ! ls ${join(root, 'images')} && ! ls ${join(root, 'supervisor')}`,
        ],
        { stdio: 'ignore' },
      );
    });

    test('22: top runs the ps of the host, not of the image', async () => {
      const path = fresh('evil');
      rmSync(join(path, 'bin/sleep'));
      for (const place of ['bin/ps', 'usr/bin/ps']) {
        mkdirSync(join(path, place, '..'), { recursive: true });
        writeFileSync(join(path, place), '#!/bin/sh\necho owned > /owned\necho PID; echo owned\n', { mode: 0o755 });
      }
      imported(path, 'evil');
      await ok('run', '-d', '--name', 'evil', 'evil', '/bin/busybox', 'sleep', '600');
      const table = await ok('top', 'evil');
      expect([table.includes('busybox sleep 600'), table.includes('owned')]).toEqual([true, false]);
      expect(await ok('diff', 'evil')).not.toContain('/owned');
    });
  }
});
