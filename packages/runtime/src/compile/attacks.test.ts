/** The attacks on a runtime that once worked on a real one; the numbers are CVEs. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Spec } from '@gantry/oci';
import { compileCreate } from './create';
import { dockerLikeSpec, shell } from '../testing/container';
import { describeBoxes } from '../testing/harness';

describeBoxes('a hostile image or configuration', (box) => {
  test('cannot write the runtime through /proc/self/exe (2019-5736)', async () => {
    symlinkSync('/proc/self/exe', join(box.rootfs, 'bin/self'));
    const spec = dockerLikeSpec(['/bin/self', 'plan-check']);
    delete spec.linux!.seccomp;
    const all = ['CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE', 'CAP_SYS_ADMIN'];
    spec.process!.capabilities = { bounding: all, effective: all, permitted: all };
    spec.linux!.namespaces = spec.linux!.namespaces!.filter((n) => n.type !== 'pid');
    const launched = await box.launch(spec, { start: false });
    const pid = await launched.created;
    const exe = `/proc/${pid}/exe`;
    expect(() => {
      writeFileSync(exe, 'owned', { flag: 'r+' });
    }).toThrow(/ETXTBSY|EPERM|EACCES/);
    expect(readFileSync(`/proc/${pid}/maps`, 'utf8')).toContain('/memfd:gantry-native');
    launched.start();
    expect((await launched.done).code).not.toBe(0);
  });

  test.each(['/proc/self/fd/3', '/proc/self/fd/4', '/proc/self/fd/5', '/proc/self/fd/7', '/proc/self/fd/12', '/proc/1/cwd/../..'])(
    'cannot start in %s (2024-21626)',
    async (cwd) => {
      const outcome = await box.run(
        shell('pwd; ls -a', (s) => {
          s.process!.cwd = cwd;
        }),
      );
      if (outcome.code === 0) expect(outcome.stdout).toMatch(/^\/\n/); /* the container's own root */
      else expect(outcome.lines.at(-1)).toMatch(/^error /);
      expect(outcome.stdout).not.toContain('vmlinuz');
    },
  );

  test('has no descriptor of ours', async () => {
    const { stdout } = await box.run(shell('ls -l /proc/self/fd/ | grep -v -E "socket|pipe|/proc/" | grep " [0-9]* -> " || echo none'));
    expect(stdout).toBe('none\n');
  });

  test('/dev/null a link: masks are still the null device (2025-31133)', async () => {
    mkdirSync(join(box.rootfs, 'secret'));
    writeFileSync(join(box.rootfs, 'secret/key'), 'key');
    writeFileSync(join(box.rootfs, 'evil'), 'evil');
    const { stdout } = await box.run(
      shell('stat -c %t:%T /masked; cat /masked', (s) => {
        writeFileSync(join(box.rootfs, 'masked'), 'visible');
        s.mounts = s.mounts!.filter((m) => !m.destination.startsWith('/dev'));
        rmSync(join(box.rootfs, 'dev/null'), { force: true });
        s.linux!.maskedPaths = ['/masked'];
      }),
    );
    expect(stdout).toBe('1:3\n');
  });

  test('/dev/null of the image is another file: refused', async () => {
    const outcome = await box.run(
      shell('true', (s) => {
        s.mounts = s.mounts!.filter((m) => !m.destination.startsWith('/dev'));
        symlinkSync('/evil', join(box.rootfs, 'dev/null'));
      }),
    );
    expect(outcome.lines.at(-1)).toBe('error invalid "/dev/null" exists in the rootfs and is another file than the device asked for');
  });

  test('/dev/console a link in the image: the terminal lands inside (2025-52565)', async () => {
    const victim = join(box.bundle, 'victim');
    writeFileSync(victim, 'untouched');
    symlinkSync(victim, join(box.rootfs, 'dev/console'));
    await box.run(
      shell('echo owned > /dev/console', (s) => {
        s.process!.terminal = true;
        s.mounts = s.mounts!.filter((m) => m.destination !== '/dev');
        mkdirSync(join(box.rootfs, 'dev/pts'));
        mkdirSync(join(box.rootfs, 'dev/shm'));
      }),
    );
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
  });

  test.each(['/proc', '/sys'])('%s a link: refused (2019-19921)', async (path) => {
    rmSync(join(box.rootfs, path), { recursive: true });
    symlinkSync('/tmp', join(box.rootfs, path));
    const outcome = await box.run(shell('true'));
    expect(outcome.lines.at(-1)).toMatch(
      new RegExp(`^error invalid "${path}" of type \\w+ must be mounted on ordinary directory, not on a symbolic link$`),
    );
  });

  test.each([
    ['a volume at /proc', '/proc', 'because it is not of type proc'],
    ['a volume at /sys', '/sys', 'because it is not of type sysfs'],
    ['a volume inside /proc', '/proc/sys', 'because it is inside /proc'],
    ['a volume at a link to /proc', '/link', 'because it is not of type proc'],
    ['a volume on a tmpfs at /sys', '/sys', 'because it is not of type sysfs', '/dev/shm'],
  ])('%s: refused (2019-16884, 2023-28642)', async (_, destination, reason, source = join(box.bundle, 'volume')) => {
    mkdirSync(join(box.bundle, 'volume'));
    symlinkSync('/proc', join(box.rootfs, 'link'));
    const outcome = await box.run(
      shell('true', (s) => {
        s.mounts!.push({ destination, source, options: ['rbind'] });
      }),
    );
    expect(outcome.lines.at(-1)).toBe(`error invalid "${destination}" cannot be mounted ${reason}`);
  });

  test('/dev a link to a host path: nothing is made on the host (2026-41579)', async () => {
    const outside = join(box.bundle, 'outside');
    mkdirSync(outside);
    rmSync(join(box.rootfs, 'dev'), { recursive: true });
    symlinkSync(outside, join(box.rootfs, 'dev'));
    await box.run(shell('true'));
    expect(readdirSync(outside)).toEqual([]);
  });

  test('a mount target through a link makes nothing on the host (2024-45310)', async () => {
    const outside = join(box.bundle, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, join(box.rootfs, 'out'));
    symlinkSync('../../../../../../..', join(box.rootfs, 'up'));
    const { stdout } = await box.run(
      shell('cat /out/a/b/f', (s) => {
        mkdirSync(join(box.bundle, 'volume'));
        writeFileSync(join(box.bundle, 'volume/f'), 'in');
        s.mounts!.push(
          { destination: '/out/a/b', source: 'volume', options: ['bind'] },
          { destination: `/up${outside}/c`, source: 'volume', options: ['bind'] },
        );
      }),
    );
    expect(stdout).toBe('in');
    expect(readdirSync(outside)).toEqual([]);
  });

  test('an honest absolute link works', async () => {
    symlinkSync('/run', join(box.rootfs, 'var-run'));
    const { stdout } = await box.run(
      shell('ls /run/x; ls /var-run/x', (s) => {
        mkdirSync(join(box.bundle, 'volume/here'), { recursive: true });
        s.mounts!.push({ destination: '/var-run/x', source: 'volume', options: ['bind'] });
      }),
    );
    expect(stdout).toBe('here\nhere\n');
  });

  test('a shared volume that swaps a target for a link (2021-30465)', async () => {
    const outside = join(box.bundle, 'outside');
    const volume = join(box.bundle, 'volume');
    mkdirSync(outside);
    mkdirSync(volume);
    symlinkSync('/', join(volume, 'target'));
    const outcome = await box.run(
      shell('grep -c " /vol" /proc/mounts; cat /f', (s) => {
        mkdirSync(join(box.bundle, 'other'));
        s.mounts!.push(
          { destination: '/vol', source: 'volume', options: ['rbind'] },
          { destination: '/vol/target/other', source: 'other', options: ['bind'] },
        );
      }),
    );
    expect(readdirSync(outside)).toEqual([]);
    expect(existsSync(join(box.rootfs, 'other'))).toBe(true); /* resolved inside the root */
    expect(outcome.lines.at(-1)).toMatch(/^exited/);
  });

  test('/etc/passwd a FIFO, a device or huge does not hang or fail the start (2024-9676)', async () => {
    const { spawnSync } = await import('node:child_process');
    spawnSync('mkfifo', [join(box.rootfs, 'etc/passwd')]);
    expect((await box.run(shell('echo $HOME'))).stdout).toBe('/\n');
  });

  test('socket(AF_ALG) and new namespaces are refused by the default filter (2026-31431)', async () => {
    const { stdout } = await box.run(shell('unshare -n true 2>&1; unshare -U true 2>&1'));
    expect(stdout.match(/Operation not permitted/g)).toHaveLength(2);
  });

  test('a cgroup path or sysctl that leaves its place is refused by name', () => {
    const { checkCgroupPath } = jest.requireActual<typeof import('../cgroup/paths')>('../cgroup/paths');
    for (const path of ['/a/../b', '../x', '/', '', '/a/./b', 'x']) expect(() => checkCgroupPath(path)).toThrow(/not allowed/);
    const refuse = (change: (s: Spec) => void) => () => compileCreate(shell('true', change), { id: 'x', bundle: '/b' });
    expect(
      refuse((s) => {
        s.linux!.sysctl = { 'kernel.core_pattern': '|/x' };
      }),
    ).toThrow('linux.sysctl: "kernel.core_pattern" is not in a separate kernel namespace');
    expect(
      refuse((s) => {
        s.linux!.sysctl = { 'net/../kernel/core_pattern': '|/x' };
      }),
    ).toThrow('is not a name');
    expect(
      refuse((s) => {
        (s.linux as Record<string, unknown>)['intelRdt'] = { closID: 'x' };
      }),
    ).toThrow('config.json: linux.intelRdt is not supported');
    expect(
      refuse((s) => {
        s.process!.user.uid = 4294967295;
      }),
    ).toThrow('process.user.uid 4294967295 is out of range');
    expect(
      refuse((s) => {
        s.process!.args = ['a\0b'];
      }),
    ).toThrow('holds a zero byte');
  });

  test('the state of the rootfs is only what was asked', async () => {
    await box.run(shell('true'));
    expect(lstatSync(join(box.rootfs, 'dev')).isDirectory()).toBe(true);
    expect(readdirSync(join(box.rootfs, 'dev'))).toEqual([]);
    expect(statSync(join(box.rootfs, 'etc')).mode & 0o777).toBe(0o755);
    chmodSync(box.rootfs, 0o755);
  });
});
