/** gantry-runc started by a user who is not root. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseJson, type Spec } from '@gantry/oci';
import { layOutCommand } from '../testing/command';
import { makeBundle, missingForContainers } from '../testing/container';

const USER = 65534;
const missing =
  missingForContainers() ?? (readFileSync('/proc/sys/user/max_user_namespaces', 'utf8').trim() === '0' ? 'user namespaces' : undefined);

(missing === undefined ? describe : describe.skip)(`without root's rights${missing === undefined ? '' : ` [needs ${missing}]`}`, () => {
  const work = mkdtempSync(join(tmpdir(), 'gantry-rootless-'));
  const program = join(work, 'lib/libexec/gantry-runc');
  let box: ReturnType<typeof makeBundle>;

  beforeAll(() => {
    chmodSync(work, 0o755);
    layOutCommand(join(work, 'lib'));
    mkdirSync(join(work, 'run'));
    chownSync(join(work, 'run'), USER, USER);
  });
  afterAll(() => {
    rmSync(work, { recursive: true, force: true });
  });
  beforeEach(() => {
    box = makeBundle();
    execFileSync('chown', ['-R', `${USER}:${USER}`, box.bundle]);
  });
  afterEach(() => {
    run('delete', '--force', 'box');
    box.remove();
  });

  const run = (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(program, words, {
      cwd: box.bundle,
      uid: USER,
      gid: USER,
      encoding: 'utf8',
      env: { XDG_RUNTIME_DIR: join(work, 'run'), PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { status, stdout, stderr };
  };
  const write = (args: string[], change: (spec: Spec) => void = () => undefined) => {
    rmSync(join(box.bundle, 'config.json'), { force: true });
    expect(run('spec', '--rootless').status).toBe(0);
    const spec = parseJson(readFileSync(join(box.bundle, 'config.json'), 'utf8')) as Spec;
    Object.assign(spec.process!, { terminal: false, args });
    change(spec);
    writeFileSync(join(box.bundle, 'config.json'), JSON.stringify(spec));
  };

  test('is root inside and itself outside', () => {
    write(['sh', '-c', 'id -u; cat /proc/self/uid_map; echo made > /root/f'], (s) => {
      s.root!.readonly = false;
    });
    const { stdout, stderr, status } = run('run', 'box');
    expect([stdout.replace(/ +/g, ' '), stderr, status]).toEqual([`0\n 0 ${USER} 1\n`, '', 0]);
    expect(readFileSync(join(box.rootfs, 'root/f'), 'utf8')).toBe('made\n');
  });

  test('cannot write to a cgroup of the host (2023-25809)', () => {
    write([
      'sh',
      '-c',
      'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/x 2>/dev/null && echo made; done; grep " /sys" /proc/mounts | grep -vc " ro,"',
    ]);
    expect(run('run', 'box').stdout).toBe('0\n');
  });

  test('starts where there are no cgroups at all', () => {
    write(['sh', '-c', 'id -u']);
    const words = [program, 'run', 'box'].map((word) => `'${word}'`).join(' ');
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', `umount -R -l /sys/fs/cgroup && exec setpriv --reuid ${USER} --regid ${USER} --clear-groups ${words}`],
      {
        cwd: box.bundle,
        encoding: 'utf8',
        env: { XDG_RUNTIME_DIR: join(work, 'run'), PATH: process.env['PATH'] },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    expect([stdout, stderr, status]).toEqual(['0\n', '', 0]);
  });

  test('lives, is entered, killed and deleted', () => {
    write(['sleep', '60']);
    const detached = spawnSync(program, ['run', '-d', 'box'], {
      cwd: box.bundle,
      uid: USER,
      gid: USER,
      env: { XDG_RUNTIME_DIR: join(work, 'run') },
      stdio: 'ignore',
    });
    expect(detached.status).toBe(0);
    expect(run('exec', 'box', 'sh', '-c', 'id -u; hostname; exit 4')).toEqual({ status: 4, stdout: '0\ngantry\n', stderr: '' });
    expect(run('kill', 'box', 'KILL').status).toBe(0);
    for (let i = 0; i < 50 && !run('state', 'box').stdout.includes('stopped'); i++);
    expect(run('delete', 'box').status).toBe(0);
    expect(existsSync(join(work, 'run/gantry-runc/box'))).toBe(false);
  });

  test('limits that it may not set, ids that it may not map and a missing user namespace are refused by name', () => {
    write(['true'], (s) => {
      s.linux!.resources = { pids: { limit: 5 } };
    });
    expect(run('run', 'box').stderr).toContain('linux.resources.pids: cannot set the limit: container could not join or create cgroup');
    write(['true'], (s) => {
      s.linux!.uidMappings = [{ containerID: 0, hostID: 1, size: 1 }];
    });
    expect(run('run', 'box').stderr).toMatch(/newuidmap|operation not permitted/);
    write(['true'], (s) => {
      s.linux!.namespaces = s.linux!.namespaces!.filter((n) => n.type !== 'user');
      delete s.linux!.uidMappings;
      delete s.linux!.gidMappings;
    });
    expect(run('run', 'box').stderr).toContain('a caller that is not root needs a user namespace');
  });
});
