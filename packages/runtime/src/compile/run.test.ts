import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dockerLikeSpec, shell } from '../testing/container';
import { describeBoxes } from '../testing/harness';

describeBoxes('a container run from a plan', (box) => {
  test('has its own names, processes, mounts and network', async () => {
    const { stdout, code } = await box.run(
      shell('hostname; echo $$; ls /; ls /sys/class/net; cat /sys/class/net/lo/operstate; cat /proc/self/cgroup | cut -d: -f3 | sort -u'),
    );
    expect(stdout.split('\n').slice(0, 2)).toEqual(['box', '1']);
    expect(stdout).toContain('lo\nunknown\n/\n');
    expect(code).toBe(0);
  });

  test('gives its exit code, also by signal', async () => {
    expect((await box.run(shell('exit 7'))).code).toBe(7);
    expect(
      (
        await box.run(
          shell('(sleep 0.1; kill -9 $$) & exec sleep 5', (s) => {
            s.linux!.namespaces = s.linux!.namespaces!.filter((n) => n.type !== 'pid');
          }),
        )
      ).code,
    ).toBe(137);
  });

  test('reads stdin and writes both outputs', async () => {
    const { stdout, stderr } = await box.run(shell('cat; echo no >&2'), { stdin: 'hello' });
    expect([stdout, stderr]).toEqual(['hello', 'no\n']);
  });

  test.each([
    ['missing', ['nope'], 'error no_program exec: "nope": executable file not found in $PATH', 127],
    ['missing path', ['/nope'], 'error no_program exec: "/nope": stat /nope: no such file or directory', 127],
    ['not executable', ['/etc/plain'], 'error program_refused exec: "/etc/plain": permission denied', 126],
    ['a directory', ['/etc'], 'error program_refused exec: "/etc": permission denied', 126],
    ['not a program', ['/etc/garbage'], 'error program_broken exec /etc/garbage: exec format error', 125],
    ['missing interpreter', ['/etc/script'], 'error no_program exec /etc/script: no such file or directory', 127],
  ])('tells why it cannot run a program: %s', async (_, args, line, code) => {
    writeFileSync(join(box.rootfs, 'etc/plain'), 'x');
    writeFileSync(join(box.rootfs, 'etc/garbage'), 'garbage');
    writeFileSync(join(box.rootfs, 'etc/script'), '#!/nothing\n');
    chmodSync(join(box.rootfs, 'etc/garbage'), 0o755);
    chmodSync(join(box.rootfs, 'etc/script'), 0o755);
    const outcome = await box.run(dockerLikeSpec(args));
    expect(outcome.lines.at(-1)).toBe(line);
    expect(outcome.code).toBe(code);
  });

  test('is who the configuration says', async () => {
    writeFileSync(join(box.rootfs, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n');
    const outcome = await box.run(
      shell(
        'id; umask; grep -E "^Cap(Prm|Eff|Inh|Amb|Bnd)" /proc/self/status; echo $HOME; stat -c %u /proc/self/fd/1 >/dev/null && echo out > /dev/stdout',
        (s) => {
          s.process!.user = { uid: 1000, gid: 1001, additionalGids: [5, 42], umask: 0o27 };
        },
      ),
    );
    expect(outcome.stdout).toContain('uid=1000(bob) gid=1001 groups=5,42');
    expect(outcome.stdout).toContain('0027');
    expect(outcome.stdout).toContain('CapEff:\t0000000000000000');
    expect(outcome.stdout).toContain('CapBnd:\t00000000a80425fb');
    expect(outcome.stdout).toContain('/home/bob');
  });

  test('ambient capabilities reach a user that is not root', async () => {
    const { stdout } = await box.run(
      shell('grep -E "^Cap(Eff|Inh|Amb)" /proc/self/status', (s) => {
        s.process!.user = { uid: 1000, gid: 1000 };
        const net = ['CAP_NET_BIND_SERVICE'];
        s.process!.capabilities = { bounding: net, effective: net, permitted: net, inheritable: net, ambient: net };
      }),
    );
    expect(stdout.match(/0000000000000400/g)).toHaveLength(3);
  });

  test('makes the working directory, also on a read-only root', async () => {
    const { stdout, code } = await box.run(
      shell('pwd; touch /x 2>/dev/null || echo ro; touch /dev/shm/x && echo rw', (s) => {
        s.process!.cwd = '/srv/a/b';
        s.root!.readonly = true;
      }),
    );
    expect([stdout, code]).toEqual(['/srv/a/b\nro\nrw\n', 0]);
  });

  test('limits, no_new_privs, oom score', async () => {
    const { stdout } = await box.run(
      shell(
        'ulimit -n; ulimit -Hn; grep NoNewPrivs /proc/self/status; cat /proc/self/oom_score_adj; grep Seccomp: /proc/self/status',
        (s) => {
          s.process!.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }];
          s.process!.noNewPrivileges = true;
          s.process!.oomScoreAdj = 300;
        },
      ),
    );
    expect(stdout).toBe('100\n200\nNoNewPrivs:\t1\n300\nSeccomp:\t2\n');
  });

  test('masked paths are empty, read-only paths cannot be written, the filter refuses', async () => {
    const { stdout } = await box.run(
      shell(
        'cat /proc/kcore | wc -c; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/core_pattern || echo refused; mount -t tmpfs x /tmp || echo refused; unshare -U true || echo refused',
      ),
    );
    expect(stdout).toBe('0\n0\nrefused\nrefused\nrefused\n');
  });

  test('binds files and directories, read-only and not', async () => {
    mkdirSync(join(box.bundle, 'data/sub'), { recursive: true });
    writeFileSync(join(box.bundle, 'data/f'), 'f');
    writeFileSync(join(box.bundle, 'file'), 'one');
    const { stdout } = await box.run(
      shell('cat /mnt/f /etc/one; touch /mnt/sub/new; touch /ro/x || echo ro; cat /new/deep/dir/f', (s) => {
        s.mounts!.push(
          { destination: '/mnt', type: 'bind', source: join(box.bundle, 'data'), options: ['rbind', 'rprivate'] },
          { destination: '/ro', type: 'none', source: 'data', options: ['bind', 'ro'] },
          { destination: '/etc/one', source: join(box.bundle, 'file'), options: ['rbind', 'rro'] },
          { destination: '/new/deep/dir', type: 'bind', source: join(box.bundle, 'data'), options: [] },
        );
      }),
    );
    expect(stdout).toBe('foneroro\nf'.replace('roro', 'ro'));
    expect(existsSync(join(box.bundle, 'data/sub/new'))).toBe(true);
  });

  test('a missing bind source is told with both paths', async () => {
    const outcome = await box.run(
      shell('true', (s) => {
        s.mounts!.push({ destination: '/x', source: '/no/such', options: ['bind'] });
      }),
    );
    expect(outcome.lines.at(-1)).toBe('error invalid error mounting "/no/such" at "/x": no such file or directory');
  });

  test('tmpfs takes its options and copies up', async () => {
    mkdirSync(join(box.rootfs, 'var/lib'), { recursive: true });
    writeFileSync(join(box.rootfs, 'var/lib/f'), 'kept');
    const { stdout } = await box.run(
      shell('cat /var/lib/f; grep " /var/lib " /proc/mounts | grep -o size=1024k; grep " /t " /proc/mounts | cut -d" " -f4', (s) => {
        s.mounts!.push(
          { destination: '/var/lib', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'size=1m'] },
          { destination: '/t', type: 'tmpfs', source: 'tmpfs', options: ['noexec', 'nosuid', 'nodev', 'noatime', 'mode=700'] },
        );
      }),
    );
    expect(stdout).toBe('keptsize=1024k\nrw,nosuid,nodev,noexec,noatime,mode=700\n');
  });

  test('devices are made and their cgroup obeyed', async () => {
    const { stdout } = await box.run(
      shell(
        'ls -l /dev/fuse | tr -s " " | cut -d" " -f1,5,6; mknod /tmp/vda b 254 0; cat /tmp/vda 2>&1 | head -c 60; echo; cat /dev/null && echo ok',
        (s) => {
          s.linux!.devices = [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o600 }];
        },
      ),
    );
    expect(stdout).toContain('crw------- 10, 229');
    expect(stdout).toContain('ok');
    expect(stdout).toMatch(/Operation not permitted/);
  });

  test('sysctls of its own namespaces', async () => {
    const { stdout } = await box.run(
      shell('cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced', (s) => {
        s.linux!.sysctl = { 'net.ipv4.ip_unprivileged_port_start': '0', 'kernel.shm_rmid_forced': '1' };
      }),
    );
    expect(stdout).toBe('0\n1\n');
  });

  test('a terminal of its own, its console bound, the controlling one', async () => {
    const { stdout, code } = await box.run(
      shell('tty; test -c /dev/console && echo console; stty size; echo x > /dev/tty', (s) => {
        s.process!.terminal = true;
      }),
      { args: ['--size', '40x100'] },
    );
    expect(stdout).toBe('/dev/pts/0\nconsole\n40 100\nx\n');
    expect(code).toBe(0);
  });

  test('a user namespace', async () => {
    chmodSync(box.bundle, 0o700);
    const { stdout, lines } = await box.run(
      shell(
        'id -u; cat /proc/self/uid_map | tr -s " "; touch /tmp/x; ls -ln /dev/null | cut -c1-10; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ls /in',
        (s) => {
          mkdirSync(join(box.bundle, 'in/seen'), { recursive: true });
          s.linux!.namespaces!.push({ type: 'user' });
          s.linux!.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
          s.linux!.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
          s.linux!.sysctl = { 'net.ipv4.ip_unprivileged_port_start': '7' };
          s.mounts!.push({ destination: '/in', source: join(box.bundle, 'in'), options: ['rbind', 'ro'] });
          mkdirSync(join(box.rootfs, 'in'), { recursive: true });
        },
      ),
    );
    expect([stdout, lines.at(-1)]).toEqual([expect.stringContaining('0\n 0 100000 65536\n'), 'exited 0']);
    expect(stdout).toContain('crw-rw-rw-\n7\nseen\n');
  });

  test('a time namespace with its offset', async () => {
    const { stdout } = await box.run(
      shell('cut -d. -f1 /proc/uptime', (s) => {
        s.linux!.namespaces!.push({ type: 'time' });
        s.linux!.timeOffsets = { boottime: { secs: 1000000 } };
      }),
    );
    expect(Number(stdout)).toBeGreaterThan(1000000);
  });

  test('without pivot_root', async () => {
    const { stdout } = await box.run(shell('ls /bin/busybox; hostname'), { noPivot: true });
    expect(stdout).toBe('/bin/busybox\nbox\n');
  });

  test('hooks run where they belong', async () => {
    const log = join(box.bundle, 'hooks');
    writeFileSync(join(box.rootfs, 'bin/mark'), '#!/bin/sh\ncat > /hook-state\n');
    chmodSync(join(box.rootfs, 'bin/mark'), 0o755);
    const outcome = await box.run(
      shell('cat /hook-state', (s) => {
        s.hooks = {
          prestart: [{ path: '/bin/sh', args: ['sh', '-c', `cat > ${log}-prestart`] }],
          createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', `cat >> ${log}; echo >> ${log}`] }],
          createContainer: [{ path: '/bin/sh', args: ['sh', '-c', `echo container >> ${log}`] }],
          startContainer: [{ path: '/bin/mark' }],
        };
      }),
    );
    expect(JSON.parse(outcome.stdout)).toMatchObject({ id: box.id, status: 'created', bundle: box.bundle });
    const [state, second] = readFileSync(log, 'utf8').split('\n');
    expect(JSON.parse(state as string)).toMatchObject({ id: box.id, status: 'creating', pid: expect.any(Number) as number });
    expect(second).toBe('container');
    expect(JSON.parse(readFileSync(`${log}-prestart`, 'utf8'))).toMatchObject({
      id: box.id,
      status: 'created',
      pid: expect.any(Number) as number,
    });
  });

  test('a hook that fails stops the start and says why', async () => {
    const outcome = await box.run(
      shell('true', (s) => {
        s.hooks = { prestart: [{ path: '/bin/sh', args: ['sh', '-c', 'echo bad >&2; exit 3'] }] };
      }),
    );
    expect(outcome.lines).toEqual(['error internal error running prestart hook #0: "/bin/sh" exited with status 3: bad ']);
  });
});
