/** Attacks on who a process is and what it may; the numbers are CVEs. */
import { spawnSync } from 'node:child_process';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Process, Spec } from '@gantry/oci';
import { buildProbe } from '../testing/probe';
import { dockerLikeSpec, shell } from '../testing/container';
import { describeBoxes } from '../testing/harness';
import { compileCreate } from './create';

describeBoxes('a hostile identity', (box) => {
  test('capabilities added to an exec are not inheritable (2022-29162)', async () => {
    const spec = dockerLikeSpec(['sleep', '60']);
    const launched = await box.launch(spec);
    const pid = await launched.created;
    await launched.started;
    const more = ['CAP_SYS_PTRACE', 'CAP_CHOWN'];
    const process: Process = {
      user: { uid: 1000, gid: 1000 },
      cwd: '/',
      env: ['PATH=/bin'],
      args: ['grep', '-E', '^Cap(Inh|Amb|Prm)', '/proc/self/status'],
      capabilities: { bounding: more, effective: more, permitted: more },
    };
    const { stdout } = await box.exec(process, pid, spec).done;
    expect(stdout).toBe('CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapAmb:\t0000000000000000\n');
  });

  test.each([4294967295, 4294967296, -1, 1.5, Number.NaN])('a user id of %p is refused (2024-40635)', (uid) => {
    const refused = (change: (spec: Spec) => void) => () => compileCreate(shell('true', change), { id: 'x', bundle: '/b' });
    expect(
      refused((s) => {
        s.process!.user.uid = uid;
      }),
    ).toThrow('process.user.uid');
    expect(
      refused((s) => {
        s.process!.user.gid = uid;
      }),
    ).toThrow('process.user.gid');
    expect(
      refused((s) => {
        s.process!.user.additionalGids = [uid];
      }),
    ).toThrow('process.user.additionalGids[0]');
  });

  test('a user id above int32 stays what it is, never 0 (2024-40635)', async () => {
    const { stdout } = await box.run(
      shell('grep -E "^[UG]id:" /proc/self/status', (s) => {
        s.process!.user = { uid: 2147483648, gid: 4294967294 };
      }),
    );
    expect(stdout).toBe('Uid:\t2147483648\t2147483648\t2147483648\t2147483648\nGid:\t4294967294\t4294967294\t4294967294\t4294967294\n');
  });

  test('a name in /etc/passwd that reads as a number changes nobody (2026-46680)', async () => {
    writeFileSync(join(box.rootfs, 'etc/passwd'), '1000:x:0:0::/root:/bin/sh\nevil:x:1000:0::/evil:/bin/sh\n');
    const { stdout } = await box.run(
      shell('id -u; echo $HOME', (s) => {
        s.process!.user = { uid: 1000, gid: 1000 };
      }),
    );
    expect(stdout).toBe('1000\n/evil\n');
  });

  test.each([
    [
      'huge',
      (path: string) => {
        writeFileSync(path, Buffer.alloc(64 << 20, 'x'));
      },
    ],
    [
      'a FIFO',
      (path: string) => {
        spawnSync('mkfifo', [path]);
      },
    ],
    [
      'a link to a device',
      (path: string) => {
        symlinkSync('/dev/zero', path);
      },
    ],
    [
      'a link to the host',
      (path: string) => {
        symlinkSync('/proc/1/root/etc/passwd', path);
      },
    ],
    [
      'a loop of links',
      (path: string) => {
        symlinkSync('passwd', path);
      },
    ],
    [
      'without an end',
      (path: string) => {
        writeFileSync(path, 'root:x:0:0:r:/fine');
      },
    ],
  ])('/etc/passwd is %s: the start goes on (2026-47262)', async (_, make) => {
    rmSync(join(box.rootfs, 'etc/passwd'), { force: true });
    make(join(box.rootfs, 'etc/passwd'));
    const { stdout, code } = await box.run(shell('echo $HOME'));
    expect(code).toBe(0);
    expect(['/\n', '/fine\n']).toContain(stdout);
  });

  test('the groups are exactly those asked for (2022-36109, 2023-25173)', async () => {
    const groups = async (user: Process['user']) =>
      (
        await box.run(
          shell('grep Groups /proc/self/status', (s) => {
            s.process!.user = user;
          }),
        )
      ).stdout.trim();
    expect(await groups({ uid: 0, gid: 0 })).toBe('Groups:');
    expect(await groups({ uid: 1000, gid: 1000, additionalGids: [42, 5, 42] })).toBe('Groups:\t5 42 42');
  });

  test('the default filter refuses AF_ALG and io_uring, not other sockets (2026-31431)', async () => {
    if (!buildProbe(box.rootfs)) {
      console.warn('skipped: a static C compiler is missing');
      return;
    }
    const { stdout } = await box.run(dockerLikeSpec(['probe']));
    expect(stdout).toBe('af_alg EPERM\nio_uring EPERM\nunix 0\n');
  });
});
