/** The command line, as engines use it: the same suite runs on gantry-runc and on the runc of this host. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Spec } from '@gantry/oci';
import { createCgroupManager } from '../cgroup/manager';
import { layOutCommand, type Command } from '../testing/command';
import { dockerLikeSpec, makeBundle, missingForContainers } from '../testing/container';

const work = join(tmpdir(), `gantry-runc-test-${process.pid}`);
beforeAll(() => mkdirSync(work));
let command: Command | undefined;

const runtimes: [name: string, program: string, missing: string | undefined][] = [
  ['gantry-runc', join(work, 'lib/libexec/gantry-runc'), missingForContainers()],
  ['runc', '/usr/sbin/runc', missingForContainers() ?? (existsSync('/usr/sbin/runc') ? undefined : '/usr/sbin/runc')],
];

beforeAll(() => {
  if (missingForContainers() !== undefined) return;
  command = layOutCommand(join(work, 'lib'));
});
afterAll(async () => {
  await command?.end();
  await createCgroupManager().tidy(`/gantry-test-${process.pid}`);
  rmSync(work, { recursive: true, force: true });
});

describe.each(runtimes)('%s', (name, program, missing) => {
  const check = missing === undefined ? test : test.skip;
  const label = (text: string) => (missing === undefined ? text : `${text} [needs ${missing}]`);
  let id = '';
  let box: ReturnType<typeof makeBundle>;
  const root = join(work, `root-${name}`);

  const run = (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(program, ['--root', root, ...words], {
      cwd: box.bundle,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { status, stdout, stderr };
  };
  /* Detached: a process must not hold our pipes open. */
  const quiet = (...words: string[]) => {
    return spawnSync(program, ['--root', root, '--log', join(box.bundle, 'log'), ...words], { cwd: box.bundle, stdio: 'ignore' }).status;
  };
  const write = (args: string[], change: (spec: Spec) => void = () => undefined) => {
    const spec = dockerLikeSpec(args);
    spec.linux!.cgroupsPath = `/gantry-test-${process.pid}/${id}`;
    /* An older runc does not know them all. */
    if (name === 'runc') spec.linux!.seccomp!.syscalls = spec.linux!.seccomp!.syscalls!.filter((s) => s.names.length > 0);
    change(spec);
    writeFileSync(join(box.bundle, 'config.json'), JSON.stringify(spec));
  };
  const state = () => JSON.parse(run('state', id).stdout) as { status: string; pid: number; bundle: string; id: string };
  const until = async (what: () => boolean) => {
    for (let i = 0; i < 200 && !what(); i++)
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    expect(what()).toBe(true);
  };

  beforeEach(() => {
    id = `t${randomBytes(5).toString('hex')}`;
    box = makeBundle();
  });
  afterEach(() => {
    if (missing === undefined) run('delete', '--force', id);
    box.remove();
  });

  check(label('run gives output and exit code'), () => {
    write(['sh', '-c', 'echo out; echo err >&2; exit 9']);
    const { status, stdout, stderr } = run('run', id);
    expect([status, stdout, stderr]).toEqual([9, 'out\n', 'err\n']);
    expect(run('state', id).status).not.toBe(0);
  });

  check(label('create, start, exec, pause, resume, kill, delete'), async () => {
    write(['sleep', '100']);
    const pidFile = join(box.bundle, 'pid');
    expect(quiet('create', '--pid-file', pidFile, id)).toBe(0);
    expect(state()).toMatchObject({ id, status: 'created', bundle: box.bundle, pid: Number(readFileSync(pidFile, 'utf8')) });
    expect(readFileSync(`/proc/${state().pid}/cgroup`, 'utf8')).toContain(`/gantry-test-${process.pid}/${id}`);
    expect(run('start', id).status).toBe(0);
    expect(state().status).toBe('running');
    expect(run('start', id).status).not.toBe(0);
    const { status, stdout } = run(
      'exec',
      '--env',
      'A=b',
      '--user',
      '5:6',
      '--cwd',
      '/tmp',
      id,
      'sh',
      '-c',
      'id -u; id -g; echo $A; pwd; hostname; exit 3',
    );
    expect([status, stdout]).toEqual([3, '5\n6\nb\n/tmp\nbox\n']);
    expect(run('pause', id).status).toBe(0);
    expect(state().status).toBe('paused');
    expect(run('resume', id).status).toBe(0);
    expect(JSON.parse(run('ps', '--format', 'json', id).stdout)).toEqual([state().pid]);
    expect((JSON.parse(run('events', '--stats', id).stdout) as { data: { pids: { current: number } } }).data.pids.current).toBe(1);
    expect(run('update', '--memory', '67108864', '--memory-swap', '67108864', id).status).toBe(0);
    expect(
      (JSON.parse(run('events', '--stats', id).stdout) as { data: { memory: { usage: { limit: number } } } }).data.memory.usage.limit,
    ).toBe(67108864);
    expect(run('list', '-q').stdout).toBe(`${id}\n`);
    expect(run('delete', id).status).not.toBe(0);
    expect(run('kill', id, 'KILL').status).toBe(0);
    await until(() => state().status === 'stopped');
    expect(run('kill', id, 'TERM').stderr).toContain('container not running');
    expect(run('delete', id).status).toBe(0);
    expect(run('state', id).stderr).toMatch(/does not exist/);
    expect(run('delete', '--force', id).status).toBe(0);
  });

  check(label('errors are told in the log file, in JSON'), () => {
    write(['no-such-program']);
    const log = join(box.bundle, 'log.json');
    expect(run('--log', log, '--log-format', 'json', 'create', id).status).not.toBe(0);
    const last = JSON.parse(readFileSync(log, 'utf8').trim().split('\n').at(-1) as string) as { level: string; msg: string };
    expect(last).toMatchObject({
      level: 'error',
      msg: expect.stringContaining('exec: "no-such-program": executable file not found in $PATH') as string,
    });
    expect(run('list', '-q').stdout).toBe('');
    for (const file of existsSync('/sys/fs/cgroup/pids') ? ['/sys/fs/cgroup/pids'] : ['/sys/fs/cgroup'])
      expect(existsSync(`${file}/gantry-test-${process.pid}/${id}`)).toBe(false);
  });

  check(label('a created container can be deleted; an id is taken once'), () => {
    write(['true']);
    expect(quiet('create', id)).toBe(0);
    expect(quiet('create', id)).not.toBe(0);
    expect(run('delete', '--force', id).status).toBe(0);
  });

  check(label('ids that leave the root are refused (attack 12)'), () => {
    write(['true']);
    for (const bad of ['../x', 'a/b', '..', '']) expect(run('create', bad).status).not.toBe(0);
  });

  check(label('hooks of the life cycle'), () => {
    const log = join(box.bundle, 'order');
    const hook = (word: string) => [{ path: '/bin/sh', args: ['sh', '-c', `cat >/dev/null; echo ${word} >> ${log}`] }];
    write(['true'], (s) => {
      s.hooks = {
        prestart: hook('prestart'),
        createRuntime: hook('createRuntime'),
        createContainer: hook('createContainer'),
        poststart: hook('poststart'),
        poststop: hook('poststop'),
      };
    });
    expect(run('run', id).status).toBe(0);
    expect(readFileSync(log, 'utf8').split('\n')).toEqual(['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop', '']);
  });

  if (name === 'gantry-runc') {
    check(label('state is for the owner alone (attack 21); exec -u is strict (attack 11)'), () => {
      write(['sleep', '9']);
      expect(quiet('run', '-d', id)).toBe(0);
      expect([root, join(root, id)].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
      for (const user of ['0x0', '1e3', 'root', '-1', '', '1:2:3', '4294967295'])
        expect(run('exec', '--user', user, id, 'true').stderr).toMatch(/is not a|is not UID/);
    });

    check(label('a field that is not honoured is refused by name'), () => {
      write(['true'], (s) => {
        s.linux!.intelRdt = { closID: 'x' };
      });
      expect(run('run', id).stderr).toContain('config.json: linux.intelRdt is not supported');
    });
  }
});
