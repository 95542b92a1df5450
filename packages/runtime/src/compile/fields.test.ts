/** Fields of config.json beyond what docker writes. */
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Process } from '@gantry/oci';
import { buildProbe } from '../testing/probe';
import { dockerLikeSpec, shell } from '../testing/container';
import { Box, describeBoxes } from '../testing/harness';

describeBoxes('a container', (box) => {
  const map = [{ containerID: 0, hostID: 100000, size: 65536 }];

  test('joins a user namespace by path, and what is made with it belongs to it', async () => {
    const other = new Box();
    try {
      const target = shell('sleep 60', (s) => {
        s.linux!.namespaces!.push({ type: 'user' });
        Object.assign(s.linux!, { uidMappings: map, gidMappings: map });
      });
      const launched = await other.launch(target);
      const pid = await launched.created;
      await launched.started;
      const { stdout, lines } = await box.run(
        shell('cat /proc/self/uid_map; id -u; hostname joined; hostname; ls /sys/class/net', (s) => {
          s.linux!.namespaces!.push({ type: 'user', path: `/proc/${pid}/ns/user` });
          s.process!.capabilities!.bounding!.push('CAP_SYS_ADMIN');
          s.process!.capabilities!.effective!.push('CAP_SYS_ADMIN');
          s.process!.capabilities!.permitted!.push('CAP_SYS_ADMIN');
          delete s.linux!.seccomp;
        }),
      );
      expect([stdout.replace(/ +/g, ' '), lines.at(-1)]).toEqual([' 0 100000 65536\n0\njoined\nlo\n', 'exited 0']);
    } finally {
      await other.close();
    }
  });

  test('joins a mount namespace by path', async () => {
    const other = new Box();
    try {
      const launched = await other.launch(dockerLikeSpec(['sleep', '60']));
      const pid = await launched.created;
      await launched.started;
      mkdirSync(join(other.rootfs, 'inner'));
      spawnSync('cp', ['-a', `${box.rootfs}/.`, join(other.rootfs, 'inner')]);
      writeFileSync(join(other.rootfs, 'inner/mark'), 'joined');
      const { stdout, lines } = await box.run(
        shell('cat /mark', (s) => {
          s.root = { path: '/inner' };
          s.linux!.namespaces = [{ type: 'mount', path: `/proc/${pid}/ns/mnt` }, { type: 'pid' }];
          delete s.hostname;
          s.mounts = [{ destination: '/proc', type: 'proc', source: 'proc' }];
        }),
      );
      expect([stdout, lines.at(-1)]).toEqual(['joined', 'exited 0']);
    } finally {
      await other.close();
    }
  });

  test('maps the ids of a mount', async () => {
    mkdirSync(join(box.bundle, 'volume'));
    writeFileSync(join(box.bundle, 'volume/f'), '');
    chownSync(join(box.bundle, 'volume/f'), 1000, 1001);
    const { stdout, lines } = await box.run(
      shell('stat -c %u:%g /v/f /w/f; touch /v/new', (s) => {
        s.mounts!.push(
          {
            destination: '/v',
            source: 'volume',
            options: ['bind'],
            uidMappings: [{ containerID: 0, hostID: 5000, size: 10000 }],
            gidMappings: [{ containerID: 0, hostID: 6000, size: 10000 }],
          },
          { destination: '/w', source: 'volume', options: ['bind'] },
        );
      }),
    );
    expect(lines).toContainEqual(expect.stringMatching(/^exited/));
    expect(stdout).toBe('6000:7001\n1000:1001\n');
    expect(existsSync(join(box.bundle, 'volume/new'))).toBe(false); /* root has no id in this mount */
  });

  test('changes a mount that is there: remount', async () => {
    const { stdout } = await box.run(
      shell('grep -E " /(t|b) " /proc/mounts | cut -d" " -f2,4; echo x > /t/f 2>/dev/null || echo no', (s) => {
        mkdirSync(join(box.bundle, 'volume'));
        s.mounts!.push(
          { destination: '/t', type: 'tmpfs', source: 'tmpfs', options: ['size=1m'] },
          { destination: '/t', type: 'tmpfs', source: 'tmpfs', options: ['remount', 'ro', 'size=2m'] },
          { destination: '/b', source: 'volume', options: ['bind'] },
          { destination: '/b', source: 'volume', options: ['bind', 'remount', 'ro', 'nosuid', 'nodev'] },
        );
      }),
    );
    expect(stdout).toMatch(/\/t ro,.*size=2048k/);
    expect(stdout).toMatch(/\/b ro,nosuid,nodev/);
    expect(stdout).toMatch(/no\n$/);
  });

  test('tells a seccomp agent, which answers for it', async () => {
    if (!buildProbe(box.rootfs)) {
      console.warn('skipped: a static C compiler is missing');
      return;
    }
    const directory = mkdtempSync(join(tmpdir(), 'gantry-agent-'));
    const path = join(directory, 'agent.sock');
    let message = '';
    let server: Server | undefined;
    try {
      await new Promise<void>((resolve) => {
        server = createServer((socket) => {
          socket.on('data', (data) => {
            message += data.toString();
          });
        }).listen(path, resolve);
      });
      /* Nobody keeps the descriptor: the kernel then answers ENOSYS. */
      const { stdout, lines } = await box.run(
        shell('exec probe /tmp/x', (s) => {
          s.annotations = { a: 'b' };
          s.linux!.seccomp = {
            defaultAction: 'SCMP_ACT_ALLOW',
            listenerPath: path,
            listenerMetadata: 'meta',
            syscalls: [{ names: ['mkdir', 'sendmsg', 'nanosleep', 'capset', 'prctl'].slice(0, 3), action: 'SCMP_ACT_NOTIFY' }],
          };
        }),
      );
      expect([stdout, lines.at(-1)]).toEqual(['mkdir ENOSYS\n', 'exited 0']);
      const pid = Number(lines.find((line) => line.startsWith('created'))?.split(' ')[1]);
      expect(JSON.parse(message)).toEqual({
        ociVersion: '1.2.0',
        fds: ['seccompFd'],
        metadata: 'meta',
        pid,
        state: { ociVersion: '1.2.0', id: box.id, status: 'creating', pid, bundle: box.bundle, annotations: { a: 'b' } },
      });
    } finally {
      server?.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('execs on the processors asked for, and its program on all', async () => {
    const spec = shell('sleep 60', (s) => {
      s.process!.execCPUAffinity = { initial: '0', final: '0' };
    });
    const launched = await box.launch(spec);
    const pid = await launched.created;
    await launched.started;
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).not.toMatch(/^Cpus_allowed_list:\t0$/m);
    const process: Process = {
      user: { uid: 0, gid: 0 },
      cwd: '/',
      env: ['PATH=/bin'],
      args: ['grep', 'Cpus_allowed_list', '/proc/self/status'],
    };
    expect((await box.exec(process, pid, spec).done).stdout).toBe('Cpus_allowed_list:\t0\n');
  });

  test("runs in the host's mount namespace when it has none of its own", async () => {
    const { stdout, lines } = await box.run(
      shell('readlink /proc/self/ns/mnt; ls -d /bin/busybox', (s) => {
        s.linux!.namespaces = s.linux!.namespaces!.filter((n) => n.type !== 'mount');
        delete s.linux!.maskedPaths;
        delete s.linux!.readonlyPaths;
      }),
    );
    const own = spawnSync('readlink', ['/proc/self/ns/mnt'], { encoding: 'utf8' }).stdout;
    spawnSync('umount', ['-R', '-l', box.rootfs]);
    expect([stdout, lines.at(-1)]).toEqual([`${own}/bin/busybox\n`, 'exited 0']);
  });

  test('lies at its own path, where a hook that enters it looks', async () => {
    const hook = {
      path: '/bin/sh',
      args: [
        'sh',
        '-c',
        `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); nsenter -m -t $pid ls ${box.rootfs}/bin/busybox >&2 && nsenter -m -t $pid mkdir ${box.rootfs}/by-hook`,
      ],
      env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
    };
    const { stdout, lines } = await box.run(
      shell('ls -d /by-hook', (s) => {
        s.hooks = { createRuntime: [hook] };
      }),
    );
    expect([stdout, lines.at(-1)]).toEqual(['/by-hook\n', 'exited 0']);
  });

  test('starts from a rootfs that a link names, and from one that its users cannot reach', async () => {
    symlinkSync(box.rootfs, join(box.bundle, 'link'));
    expect(
      (
        await box.run(
          shell('echo fine', (s) => {
            s.root = { path: 'link' };
          }),
        )
      ).stdout,
    ).toBe('fine\n');
    expect(statSync(box.bundle).mode & 0o077).toBe(0);
    const { stdout } = await box.run(
      shell('echo fine', (s) => {
        s.linux!.namespaces!.push({ type: 'user' });
        Object.assign(s.linux!, { uidMappings: map, gidMappings: map });
      }),
    );
    expect(stdout).toBe('fine\n');
  });
});
