import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, hasProgram, loadBusybox, startContainerd, startEngine, testWith, until } from './harness';

/** Overlayfs takes mapped layers by descriptor from Linux 6.15 on. */
const [major = 0, minor = 0] = readFileSync('/proc/sys/kernel/osrelease', 'latin1').split('.').map(Number);
const capable = major > 6 || (major === 6 && minor >= 15);
/** A user with ranges in subuid(5) and subgid(5), and where they begin. */
const ranges = ['subuid', 'subgid'].map((name) => {
  const text = readOr(`/etc/${name}`);
  return /^(gantry-test-\d+):(\d+):65536$/m.exec(text) ?? /^([^:#]+):(\d+):65536$/m.exec(text);
});
const user = ranges[0]?.[1] ?? '';
const [uid = 0, gid = 0] = ranges.map((match) => Number(match?.[2]));
const ready = capable && user !== '' && ranges[1]?.[1] === user;

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

describe('userns-remap', () => {
  let engine: Engine;
  const folder = join(tmpdir(), `gantry-e2e-${process.pid}-userns`);
  const out = async (...args: string[]): Promise<string> => {
    const result = await engine.docker(args);
    expect([result.code, result.stderr]).toEqual([0, '']);
    return result.stdout.trim();
  };
  const pidOf = (name: string): Promise<string> => out('inspect', '-f', '{{.State.Pid}}', name);
  const status = async (name: string): Promise<string> => readFileSync(`/proc/${await pidOf(name)}/status`, 'utf8');

  beforeAll(async () => {
    mkdirSync(folder);
    engine = await startEngine('gantry', { config: { supervisor: `userns-remap: ${user}\n` } });
    chmodSync(engine.folder, 0o711);
    await loadBusybox(engine);
  }, 120_000);
  afterAll(async () => {
    await engine?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });
  const remapped = testWith('Linux 6.15 and a user with 65536 ids in /etc/subuid and /etc/subgid', ready);

  remapped(
    'root of a container is a plain user of the host, over the image as it is on disk',
    async () => {
      expect(JSON.parse(await out('info', '-f', '{{json .SecurityOptions}}'))).toContain('name=userns');
      await out(
        'run',
        '-d',
        '--name',
        'web',
        '-p',
        '0:80',
        'busybox',
        'sh',
        '-c',
        'mkdir -p /www; echo served > /www/index.html; chown 7:8 /www/index.html; touch /root/mine; httpd -f -p 80 -h /www',
      );
      expect(await status('web')).toMatch(new RegExp(`^Uid:\t${uid}\t.*\nGid:\t${gid}\t`, 'm'));
      await until(
        'the server',
        async () => (await engine.docker(['exec', 'web', 'wget', '-qO-', 'http://127.0.0.1/'])).stdout === 'served\n',
      );
      expect(
        await out(
          'exec',
          'web',
          'sh',
          '-c',
          'id -u; stat -c %u:%g / /root/mine /www/index.html /etc/hosts /etc/resolv.conf; echo 127.0.0.9 own >> /etc/hosts && grep -c own /etc/hosts',
        ),
      ).toBe('0\n0:0\n0:0\n7:8\n0:0\n0:0\n1');
      expect(await out('exec', '-u', '5:6', 'web', 'id')).toMatch(/^uid=5.* gid=6/);
      const upper = await out('inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', 'web');
      expect([statSync(join(upper, 'root/mine')).uid, statSync(join(upper, 'www/index.html')).gid]).toEqual([0, 8]);
      expect((await out('diff', 'web')).split('\n')).toEqual(expect.arrayContaining(['A /root/mine', 'A /www/index.html']));
      const port = (await out('port', 'web', '80/tcp')).split('\n')[0]?.split(':').at(-1) ?? '';
      expect((await engine.onHost('busybox', ['wget', '-qO-', `http://127.0.0.1:${port}/`])).stdout).toBe('served\n');
    },
    120_000,
  );

  remapped(
    'a terminal and a joined container work',
    async () => {
      expect(await out('run', '--rm', '-t', 'busybox', 'sh', '-c', 'echo hi > /dev/tty; stat -c %u /dev/console')).toBe('hi\r\n0');
      expect(
        await out(
          'run',
          '--rm',
          '--network',
          'container:web',
          '--pid',
          'container:web',
          'busybox',
          'sh',
          '-c',
          'wget -qO- http://127.0.0.1/; kill -0 1 && echo same',
        ),
      ).toBe('served\nsame');
    },
    120_000,
  );

  remapped(
    'health checks, pause, update, devices and limits work',
    async () => {
      await out(
        'run',
        '-d',
        '--name',
        'checked',
        '--health-cmd',
        'test $(id -u) = 0',
        '--health-interval',
        '200ms',
        'busybox',
        'sleep',
        '600',
      );
      await until('the check to pass', async () => (await out('inspect', '-f', '{{.State.Health.Status}}', 'checked')) === 'healthy');
      for (const words of [['pause'], ['unpause'], ['update', '--memory', '64m', '--memory-swap', '64m'], ['restart', '-t', '0']])
        await out(...words, 'checked');
      const script =
        'head -c 1 /dev/zero | wc -c; echo x 2>&1 > /dev/full; cat /proc/sys/net/core/somaxconn; ulimit -n; cat /proc/self/oom_score_adj; cat /proc/sys/net/ipv4/ping_group_range';
      expect(
        await out(
          'run',
          '--rm',
          '--device',
          '/dev/full',
          '-u',
          '7:8',
          '--tmpfs',
          '/t',
          '--read-only',
          '--ulimit',
          'nofile=100:200',
          '--sysctl',
          'net.core.somaxconn=77',
          '--oom-score-adj',
          '100',
          '--init',
          'busybox',
          'sh',
          '-c',
          script,
        ),
      ).toBe('1\nsh: write error: No space left on device\n77\n100\n100\n0\t65535');
    },
    120_000,
  );

  remapped(
    "volumes keep the container's ids; directories of the host keep the host's",
    async () => {
      mkdirSync(join(folder, 'host'), { mode: 0o755 });
      writeFileSync(join(folder, 'host/secret'), 'root only', { mode: 0o600 });
      const script =
        'echo kept > /v/f; chown 3:4 /v/f; stat -c %u:%g /v /h; cat /h/secret 2>/dev/null || echo denied; touch /h/x 2>/dev/null || echo readonly; echo s > /dev/shm/s && echo shared';
      expect(
        await out('run', '--rm', '--ipc', 'shareable', '-v', 'data:/v', '-v', `${join(folder, 'host')}:/h`, 'busybox', 'sh', '-c', script),
      ).toBe('0:0\n65534:65534\ndenied\nreadonly\nshared');
      expect(await out('run', '--rm', '--userns', 'host', '-v', 'data:/v', 'busybox', 'stat', '-c', '%u:%g', '/v/f')).toBe('3:4');
    },
    120_000,
  );

  remapped(
    'runc and crun start in it too',
    async () => {
      for (const [runtime, program] of [
        ['runc-binary', 'runc'],
        ['crun', 'crun'],
        ['io.containerd.runc.v2', 'containerd-shim-runc-v2'],
      ] as const) {
        if (!hasProgram(program)) continue;
        const script =
          'id -u; stat -c %u:%g / /h /v /n /etc/hosts; touch /made /v/mine && stat -c %u:%g /v/mine; echo 127.0.0.9 own >> /etc/hosts && echo written; cat /n/left 2>/dev/null || echo left > /n/left';
        const flags = ['-v', '/v', '-v', 'named:/n', '-v', `${join(folder, 'host')}:/h`];
        const { code, stdout, stderr } = await engine.docker([
          'run',
          '--rm',
          '--runtime',
          runtime,
          ...flags,
          'busybox',
          'sh',
          '-c',
          script,
        ]);
        expect([runtime, code, stdout, stderr]).toEqual([
          runtime,
          0,
          `0\n0:0\n65534:65534\n0:0\n0:0\n0:0\n0:0\nwritten\n${runtime === 'runc-binary' ? '' : 'left\n'}`,
          '',
        ]);
      }
      await until(
        'the mapped binds to go',
        () =>
          !readFileSync('/proc/self/mountinfo', 'utf8')
            .split('\n')
            .some((line) => line.includes(engine.run) && line.includes('/binds/')),
      );
    },
    120_000,
  );

  remapped(
    'cp, export and commit have the ids of the container, running or not',
    async () => {
      writeFileSync(join(folder, 'sent'), 'sent');
      execFileSync('chown', ['9:10', join(folder, 'sent')]);
      const owners = async (): Promise<string> => {
        const tar = join(folder, 'web.tar');
        await out('export', '-o', tar, 'web');
        return execFileSync('tar', ['--numeric-owner', '-tvf', tar, 'www/index.html', 'root/mine'], { encoding: 'latin1' })
          .split('\n')
          .map((line) => line.split(/\s+/)[1])
          .join(' ')
          .trim();
      };
      await out('cp', join(folder, 'sent'), 'web:/root/sent');
      await out('cp', '-a', join(folder, 'sent'), 'web:/root/owned');
      expect(await out('exec', 'web', 'stat', '-c', '%u:%g', '/root/sent', '/root/owned')).toBe('9:10\n9:10');
      execFileSync('chown', ['70000:0', join(folder, 'sent')]);
      const refused = await engine.docker(['cp', join(folder, 'sent'), 'web:/root/other']);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('owner 70000:0 of other is no id of the container')]);
      expect((await owners()).split(' ').sort()).toEqual(['0/0', '7/8']);
      const listed = execFileSync('sh', ['-c', `docker -H unix://${engine.socket} cp web:/root/sent - | tar --numeric-owner -tv`], {
        encoding: 'latin1',
      });
      expect(listed).toContain(' 9/10 ');
      await out('run', '-d', '--name', 'keeper', '-v', 'data:/v', 'busybox', 'sleep', '6000');
      execFileSync('chown', ['9:10', join(folder, 'sent')]);
      await out('cp', join(folder, 'sent'), 'keeper:/v/sent');
      expect(await out('exec', 'keeper', 'stat', '-c', '%u:%g', '/v/sent')).toBe('9:10');
      await out('commit', 'web', 'made');
      expect(await out('run', '--rm', '--userns', 'host', 'made', 'stat', '-c', '%u:%g', '/www/index.html', '/root/sent')).toBe(
        '7:8\n9:10',
      );
      await out('stop', '-t', '0', 'web');
      expect((await owners()).split(' ').sort()).toEqual(['0/0', '7/8']);
      await out('start', 'web');
      expect(await out('exec', 'web', 'stat', '-c', '%u:%g', '/www/index.html')).toBe('7:8');
    },
    180_000,
  );

  remapped(
    'an engine that comes back goes on with them',
    async () => {
      await engine.halt();
      await engine.start();
      expect(await out('exec', '-t', 'keeper', 'sh', '-c', 'id -u; stat -c %u $(tty) /v/sent')).toBe('0\r\n0\r\n9');
      await out('restart', '-t', '0', 'keeper');
      expect(await out('exec', 'keeper', 'stat', '-c', '%u', '/')).toBe('0');
    },
    120_000,
  );

  remapped(
    "the host's user namespace is had by --userns=host only, and what needs it is refused without",
    async () => {
      await out('run', '-d', '--userns', 'host', '--name', 'plain', 'busybox', 'sleep', '6000');
      expect(await status('plain')).toMatch(/^Uid:\t0\t/m);
      for (const [flags, message] of [
        [['--privileged'], 'privileged mode is incompatible with user namespaces'],
        [['--network', 'host'], "cannot share the host's network namespace when user namespaces are enabled"],
        [['--pid', 'host'], 'cannot share the host PID namespace when user namespaces are enabled'],
        [['--network', 'container:plain'], 'cannot join namespaces of a container that has other ids on the host'],
      ] as const) {
        const refused = await engine.docker(['run', '--rm', ...flags, 'busybox', 'true']);
        expect([refused.code, refused.stderr]).toEqual([125, expect.stringContaining(message)]);
      }
      expect(await out('run', '--rm', '--privileged', '--userns', 'host', 'busybox', 'echo', 'fine')).toBe('fine');
    },
    120_000,
  );

  remapped(
    'a user who is not there ends the engine with its name',
    async () => {
      await expect(startEngine('gantry', { config: { supervisor: 'userns-remap: nobody-of-that-name\n' } })).rejects.toThrow(
        'userns-remap: user "nobody-of-that-name" is not in /etc/passwd',
      );
    },
    120_000,
  );
});

describe('userns-remap on other snapshotters', () => {
  const remapped = testWith('Linux 6.15 and a user with 65536 ids in /etc/subuid and /etc/subgid', ready);

  /** A container's files have its ids inside, and the image's and the commit's on the disk. */
  async function holds(images: string, driver: string): Promise<void> {
    const engine = await startEngine('gantry', { config: { supervisor: `userns-remap: ${user}\n`, images } });
    try {
      chmodSync(engine.folder, 0o711);
      await loadBusybox(engine);
      const ok = async (...args: string[]): Promise<string> => {
        const { code, stdout, stderr } = await engine.docker(args);
        expect([args[0], code, stderr]).toEqual([args[0], 0, '']);
        return stdout.trim();
      };
      expect(await ok('info', '-f', '{{.Driver}}')).toBe(driver);
      await ok('run', '-d', '--name', 'mapped', 'busybox', 'sh', '-c', 'mkdir /own && chown 7:8 /own && touch /own/f; sleep 6000');
      await until(
        'the file',
        async () => (await engine.docker(['exec', 'mapped', 'stat', '-c', '%u:%g', '/', '/own', '/own/f'])).stdout === '0:0\n7:8\n0:0\n',
      );
      expect(readFileSync(`/proc/${await ok('inspect', '-f', '{{.State.Pid}}', 'mapped')}/status`, 'utf8')).toMatch(
        new RegExp(`^Uid:\t${uid}\t`, 'm'),
      );
      expect((await ok('diff', 'mapped')).split('\n')).toEqual(expect.arrayContaining(['A /own', 'A /own/f']));
      expect(
        execFileSync('sh', ['-c', `docker -H unix://${engine.socket} cp mapped:/own - | tar --numeric-owner -tv`], { encoding: 'latin1' }),
      ).toMatch(/ 7\/8 .* own\/\n.* 0\/0 .* own\/f/);
      await ok('commit', 'mapped', 'made');
      for (const flags of [[], ['--userns', 'host']])
        expect(await ok('run', '--rm', ...flags, 'made', 'stat', '-c', '%u:%g', '/own', '/own/f')).toBe('7:8\n0:0');
      await ok('rm', '-f', 'mapped');
      await ok('rmi', 'made');
    } finally {
      await engine.destroy();
    }
  }

  remapped('whole copies', () => holds('storage-driver: vfs\n', 'copy'), 120_000);

  const containerd = ready && hasProgram('containerd') && hasProgram('ctr');
  testWith('containerd, Linux 6.15 and a user with 65536 ids in /etc/subuid and /etc/subgid', containerd)(
    "a foreign containerd's overlayfs",
    async () => {
      const foreign = await startContainerd();
      try {
        await holds(`snapshotter: far\nproxy-snapshotters: ["far=${foreign.address},overlayfs"]\n`, 'far');
      } finally {
        await foreign.destroy();
      }
    },
    120_000,
  );
});
