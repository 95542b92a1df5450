/** gantry-runc's flags, and what a caller hands over by descriptor and environment. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Spec } from '@gantry/oci';
import { createCgroupManager } from '../cgroup/manager';
import { processStat } from './state';
import { layOutCommand, type Command } from '../testing/command';
import { dockerLikeSpec, makeBundle, missingForContainers } from '../testing/container';

const missing = missingForContainers();
const work = join(tmpdir(), `gantry-flags-${process.pid}`);
beforeAll(() => mkdirSync(work));
let command: Command | undefined;
const program = join(work, 'lib/libexec/gantry-runc');
afterAll(async () => {
  await command?.end();
  await createCgroupManager().tidy(`/gantry-test-${process.pid}`);
  rmSync(work, { recursive: true, force: true });
});

(missing === undefined ? describe : describe.skip)(`gantry-runc${missing === undefined ? '' : ` [needs ${missing}]`}`, () => {
  let id = '';
  let box: ReturnType<typeof makeBundle>;
  const words = (...more: string[]): string[] => ['--root', join(work, 'root'), ...more];
  const run = (...more: string[]) =>
    spawnSync(program, words(...more), { cwd: box.bundle, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const quiet = (...more: string[]) =>
    spawnSync(program, words('--log', join(box.bundle, 'log'), ...more), { cwd: box.bundle, stdio: 'ignore' }).status;
  const write = (args: string[], change: (spec: Spec) => void = () => undefined) => {
    const spec = dockerLikeSpec(args);
    spec.linux!.cgroupsPath = `/gantry-test-${process.pid}/${id}`;
    change(spec);
    writeFileSync(join(box.bundle, 'config.json'), JSON.stringify(spec));
  };
  beforeAll(() => {
    command = layOutCommand(join(work, 'lib'));
  });
  beforeEach(() => {
    id = `f${randomBytes(5).toString('hex')}`;
    box = makeBundle();
  });
  afterEach(() => {
    run('delete', '--force', id);
    box.remove();
  });

  test.each(['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart'] as const)(
    'a %s hook that takes longer than its time ends the start by name',
    (name) => {
      if (name === 'startContainer') writeFileSync(join(box.rootfs, 'bin/slow'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
      write(['true'], (s) => {
        s.hooks = { [name]: [{ path: name === 'startContainer' ? '/bin/slow' : '/bin/sleep', args: ['sleep', '60'], timeout: 1 }] };
      });
      const began = Date.now();
      const { status, stderr } = run('run', id);
      expect([status === 0, stderr]).toEqual([false, expect.stringContaining(`error running ${name} hook #0`)]);
      expect(Date.now() - began).toBeLessThan(50_000);
      expect(run('state', id).status).toBe(1);
    },
  );

  test('every hook is told the state on stdin', () => {
    const log = join(box.bundle, 'told');
    const hook = (name: string) => [{ path: '/bin/sh', args: ['sh', '-c', `echo "${name} $(cat)" >> ${log}`] }];
    write(['true'], (s) => {
      s.annotations = { 'org.example.k': 'v' };
      s.hooks = {
        prestart: hook('prestart'),
        createRuntime: hook('createRuntime'),
        createContainer: hook('createContainer'),
        poststart: hook('poststart'),
        poststop: hook('poststop'),
      };
    });
    expect(run('run', id).status).toBe(0);
    const told = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(' ')), JSON.parse(line.slice(line.indexOf(' '))) as { status: string }] as const);
    expect(told.map(([name, { status }]) => `${name} ${status}`)).toEqual([
      'prestart created',
      'createRuntime creating',
      'createContainer creating',
      'poststart running',
      'poststop stopped',
    ]);
    for (const [, state] of told)
      expect(state).toMatchObject({ ociVersion: '1.2.0', id, bundle: box.bundle, annotations: { 'org.example.k': 'v' } });
  });

  test.each(['--help', '-h'])('%s is asked of a verb that there is, and of one that there is not', (flag) => {
    expect(run('kill', flag)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('gantry-runc kill [--all] ID [SIGNAL]') as string,
    });
    expect(run('nope', flag)).toMatchObject({ status: 3, stderr: expect.stringContaining("No help topic for 'nope'") as string });
    expect(run('nope')).toMatchObject({ status: 3, stderr: expect.stringContaining('no such command: nope') as string });
  });

  test('delete without --force leaves a created container alone', () => {
    write(['true']);
    expect(quiet('create', id)).toBe(0);
    const { status, stderr } = run('delete', id);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`cannot delete container ${id} that is not stopped: created`)]);
    expect(quiet('start', id)).toBe(0);
  });

  test('an error says which command it was, and --debug names the steps', () => {
    write(['/no/such']);
    expect(run('run', id).stderr).toContain(
      'gantry-runc run failed: unable to start container process: exec: \\"/no/such\\": stat /no/such: no such file or directory',
    );
    write(['true'], (s) => {
      s.mounts!.push({ destination: '/m', source: '/no/such', options: ['bind'] });
    });
    expect(run('run', id).stderr).toContain(
      'unable to start container process: error during container init: error mounting \\"/no/such\\" at \\"/m\\": no such file or directory',
    );
    writeFileSync(join(box.rootfs, 'bin/odd'), '#!/no/such\n', { mode: 0o755 });
    write(['/bin/odd']);
    expect(run('run', id).stderr).toBe('exec /bin/odd: no such file or directory\n');
    write(['sh', '-c', 'sleep 60']);
    expect(quiet('run', '-d', id)).toBe(0);
    writeFileSync(join(box.bundle, 'process.json'), JSON.stringify({ args: ['/bin/true'], cwd: '/', execCPUAffinity: { initial: '0' } }));
    const { stderr } = run('--debug', 'exec', '--process', join(box.bundle, 'process.json'), id);
    for (const step of ['nsexec container setup', 'child process in init()', ': affinity: 0x1', 'setns_init: about to exec /bin/true'])
      expect(stderr).toContain(step);
  });

  test('--preserve-fds, LISTEN_FDS and NOTIFY_SOCKET reach the container', async () => {
    const fd = openSync(join(box.bundle, 'shared'), 'w+');
    const notify = join(box.bundle, 'notify');
    const listener = createServer();
    await new Promise<void>((resolve) => {
      listener.listen(notify, resolve);
    });
    try {
      write(['sh', '-c', 'echo kept >&3; echo $LISTEN_FDS $LISTEN_PID $NOTIFY_SOCKET; test -e $NOTIFY_SOCKET && echo there']);
      expect(
        spawnSync(program, words('run', '--preserve-fds', '1', id), { cwd: box.bundle, stdio: ['ignore', 'ignore', 'ignore', fd] }).status,
      ).toBe(0);
      expect(readFileSync(join(box.bundle, 'shared'), 'utf8')).toBe('kept\n');
      const command = `LISTEN_FDS=1 LISTEN_PID=$$ NOTIFY_SOCKET=${notify} exec ${[program, ...words('run', id)].map((word) => `'${word}'`).join(' ')}`;
      const { stdout } = spawnSync('sh', ['-c', command], { cwd: box.bundle, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe', fd] });
      expect(stdout).toBe('1 1 /run/notify/notify.sock\nthere\n');
    } finally {
      listener.close();
      closeSync(fd);
    }
  });

  test('exec has all its options', () => {
    write(['sleep', '60']);
    expect(quiet('run', '-d', id)).toBe(0);
    const status = (...flags: string[]) => run('exec', ...flags, id, 'cat', '/proc/self/status').stdout;
    const field = (text: string, name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1]?.trim();
    expect(BigInt(`0x${field(status('--cap', 'CAP_SYS_PTRACE'), 'CapEff')}`) & (1n << 19n)).not.toBe(0n);
    expect(BigInt(`0x${field(status(), 'CapEff')}`) & (1n << 19n)).toBe(0n);
    expect([
      field(status('--no-new-privs'), 'NoNewPrivs'),
      field(status('--additional-gids', '7', '-g', '9', '--user', '5:6'), 'Groups'),
    ]).toEqual(['1', '7 9']);
    const pidFile = join(box.bundle, 'pid');
    expect(quiet('exec', '-d', '--pid-file', pidFile, id, 'sleep', '50')).toBe(0);
    expect(readFileSync(`/proc/${readFileSync(pidFile, 'utf8')}/cmdline`, 'utf8')).toBe('sleep\x0050\0');
    writeFileSync(
      join(box.bundle, 'process.json'),
      JSON.stringify({ user: { uid: 3, gid: 4 }, cwd: '/tmp', args: ['sh', '-c', 'id -u; pwd; echo $A'], env: ['A=b', 'PATH=/bin'] }),
    );
    expect(run('exec', '--process', 'process.json', id).stdout).toBe('3\n/tmp\nb\n');
    if (!existsSync('/sys/module/apparmor/parameters/enabled'))
      expect(run('exec', '--apparmor', 'p', id, 'true').stderr).toContain('process.apparmorProfile \\"p\\"');
    if (!existsSync('/sys/fs/selinux'))
      expect(run('exec', '--process-label', 'l', id, 'true').stderr).toContain('process.selinuxLabel \\"l\\"');
    expect(run('exec', '--cgroup', '../up', id, 'true').stderr).toContain('bad sub cgroup path');
    expect(run('pause', id).status).toBe(0);
    expect(run('exec', id, 'true').stderr).toContain('cannot exec in a paused container');
    expect(run('resume', id).status).toBe(0);
  });

  test('update -r, list and ps as JSON, events at an interval, kill --all, features, spec', async () => {
    write(['sh', '-c', 'sleep 61 & exec sleep 60'], (s) => {
      s.linux!.namespaces = s.linux!.namespaces!.filter((n) => n.type !== 'pid');
    });
    expect(quiet('run', '-d', id)).toBe(0);
    writeFileSync(join(box.bundle, 'resources.json'), JSON.stringify({ pids: { limit: 33 } }));
    expect(run('update', '-r', 'resources.json', id).status).toBe(0);
    expect(run('update', '--l3-cache-schema', 'x', id).stderr).toContain('unknown flag --l3-cache-schema');
    // Tests beside this one have containers, too.
    const listed = (JSON.parse(run('list', '-f', 'json').stdout) as { id: string; pid: number }[]).find((each) => each.id === id);
    const pids = JSON.parse(run('ps', '-f', 'json', id).stdout) as number[];
    expect([listed?.id, pids.length, pids.includes(listed?.pid ?? 0)]).toEqual([id, 2, true]);
    const events = spawn(program, words('events', '--interval', '100ms', id), {
      cwd: box.bundle,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const seen: { type: string; data: { pids: { limit: number } } }[] = [];
    await new Promise<void>((resolve) => {
      let rest = '';
      events.stdout.on('data', (data: Buffer) => {
        const lines = (rest + data.toString()).split('\n');
        rest = lines.pop() ?? '';
        seen.push(...lines.map((line) => JSON.parse(line) as (typeof seen)[number]));
        if (seen.length >= 2) resolve();
      });
    });
    expect(seen[1]).toMatchObject({ type: 'stats', data: { pids: { limit: 33 } } });
    const left = new Promise((resolve) => events.once('exit', resolve));
    expect(run('kill', '--all', id, 'KILL').status).toBe(0);
    await left; /* events ends with the container */
    for (const pid of pids) expect(processStat(pid)?.letter).not.toBe('S');
    expect((JSON.parse(run('features').stdout) as { linux: { namespaces: string[] } }).linux.namespaces).toEqual(
      expect.arrayContaining(['user', 'time', 'cgroup']),
    );
    mkdirSync(join(box.bundle, 'other'));
    expect(run('spec', '--rootless', '--bundle', 'other').status).toBe(0);
    expect((JSON.parse(readFileSync(join(box.bundle, 'other/config.json'), 'utf8')) as Spec).linux!.uidMappings).toHaveLength(1);
  });

  test('what systemd would do is refused where it does not run', () => {
    if (existsSync('/run/systemd/system')) return;
    write(['true']);
    expect(run('--systemd-cgroup', 'run', id).stderr).toContain('systemd does not run on this host');
  });
});
