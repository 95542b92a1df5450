/** Attacks on the host and the neighbours from inside. */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Process, Spec } from '@gantry/oci';
import { dockerLikeSpec, shell } from '../testing/container';
import { Box, describeBoxes } from '../testing/harness';

describeBoxes('a hostile container', (box) => {
  const inUserNamespace = (spec: Spec): void => {
    spec.linux!.namespaces!.push({ type: 'user' });
    spec.linux!.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux!.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  };

  test('cgroups below a read-only /sys of the host are read-only too (2023-25809)', async () => {
    const { stdout } = await box.run(
      shell(
        'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/x 2>/dev/null && echo made $d; done; grep " /sys" /proc/mounts | grep -vc " ro,"',
        (s) => {
          inUserNamespace(s);
          s.linux!.namespaces = s.linux!.namespaces!.filter((n) => n.type !== 'cgroup' && n.type !== 'network');
          s.mounts = s.mounts!.filter((m) => m.type !== 'sysfs' && m.type !== 'cgroup');
          s.mounts.push({ destination: '/sys', type: 'none', source: '/sys', options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'] });
          s.hostname = 'x';
          delete s.linux!.sysctl;
        },
      ),
    );
    expect(stdout).toBe('0\n');
  });

  test('a volume whose entries are exchanged while it is mounted into (2021-30465)', async () => {
    const outside = join(box.bundle, 'outside');
    const volume = join(box.bundle, 'volume');
    for (const path of [outside, volume, join(volume, 'a'), join(box.bundle, 'other')]) mkdirSync(path);
    symlinkSync(outside, join(volume, 'b'));
    let over = false;
    const racer = (async () => {
      while (!over) {
        try {
          for (const [from, to] of [
            ['a', 'c'],
            ['b', 'a'],
            ['c', 'b'],
          ] as const)
            renameSync(join(volume, from), join(volume, to));
        } catch {
          /* The runtime has made what was missing for a moment. */
          for (const name of ['a', 'b', 'c']) rmSync(join(volume, name), { recursive: true, force: true });
          mkdirSync(join(volume, 'a'));
          symlinkSync(outside, join(volume, 'b'));
        }
        await new Promise(setImmediate);
      }
    })();
    for (let i = 0; i < 25; i++) {
      await box.run(
        shell('true', (s) => {
          s.mounts!.push(
            { destination: '/vol', source: 'volume', options: ['rbind'] },
            { destination: '/vol/a/made', source: 'other', options: ['bind'] },
          );
        }),
      );
    }
    over = true;
    await racer;
    expect(readdirSync(outside)).toEqual([]);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(outside);
  });

  test('/dev/pts/N cannot be put in the way of the console (2025-52565)', async () => {
    const victim = join(box.bundle, 'victim');
    writeFileSync(victim, 'untouched');
    mkdirSync(join(box.rootfs, 'dev/pts'));
    symlinkSync(victim, join(box.rootfs, 'dev/pts/0'));
    symlinkSync('/dev/pts/../../victim', join(box.rootfs, 'dev/ptmx'));
    const { stdout } = await box.run(
      shell('tty; echo owned > /dev/console', (s) => {
        s.process!.terminal = true;
      }),
    );
    expect(stdout).toContain('/dev/pts/0\n');
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
  });

  test('a terminal without a devpts of the container is refused', async () => {
    mkdirSync(join(box.rootfs, 'dev/pts'));
    symlinkSync('/dev/null', join(box.rootfs, 'dev/pts/ptmx'));
    const outcome = await box.run(
      shell('true', (s) => {
        s.process!.terminal = true;
        s.mounts = s.mounts!.filter((m) => !m.destination.startsWith('/dev'));
      }),
    );
    expect(outcome.lines.at(-1)).toMatch(/^error .*\/dev\/pts\/ptmx of the container/);
  });

  test('bombs of processes and memory stop at the limits; a neighbour runs as before', async () => {
    const bomb = shell(
      'for i in 1 2 3 4 5 6 7 8; do (while :; do sh -c "sleep 60" & done) 2>/dev/null & done; head -c 200m /dev/zero | tail; sleep 60',
      (s) => {
        s.linux!.resources = { ...s.linux!.resources, pids: { limit: 24 }, memory: { limit: 48 << 20, swap: 48 << 20 } };
      },
    );
    const launched = await box.launch(bomb);
    await launched.started;
    const neighbour = new Box();
    try {
      const began = Date.now();
      expect((await neighbour.run(dockerLikeSpec(['echo', 'fine']))).stdout).toBe('fine\n');
      expect(Date.now() - began).toBeLessThan(30_000);
      const { pids, memory } = await box.cgroups.stats(box.cgroup);
      expect(pids.current).toBeLessThanOrEqual(24n);
      expect(memory.usage).toBeLessThanOrEqual(BigInt(48 << 20));
    } finally {
      await neighbour.close();
      await box.cgroups.killAll(box.cgroup);
      await launched.done;
    }
  });

  test('a flood of execs leaves no process and no descriptor behind (2022-23471)', async () => {
    const spec = dockerLikeSpec(['sleep', '60']);
    const launched = await box.launch(spec);
    const pid = await launched.created;
    await launched.started;
    const process: Process = { user: { uid: 0, gid: 0 }, cwd: '/', env: ['PATH=/bin'], args: ['true'] };
    for (let turn = 0; turn < 4; turn++) {
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => box.exec(process, pid, spec).done));
      expect(outcomes.map((o) => o.code)).toEqual(Array.from({ length: 8 }, () => 0));
    }
    // What has ended is still there until its parent has waited for it.
    for (let tries = 0; tries < 500 && (await box.cgroups.pids(box.cgroup)).length > 1; tries++) await sleep(20);
    expect(await box.cgroups.pids(box.cgroup)).toEqual([pid]);
  });

  test("no abstract socket is bound, whose name a container in the host's network could reach (2020-15257)", async () => {
    const before = abstractSockets();
    const launched = await box.launch(dockerLikeSpec(['sleep', '60']), { start: false });
    await launched.created;
    expect(abstractSockets().filter((name) => !before.includes(name) && /gantry|shim|runc/.test(name))).toEqual([]);
    launched.child.kill('SIGKILL');
    await launched.done;
  });
});

function abstractSockets(): string[] {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map((line) => line.split(' ').at(-1) ?? '')
    .filter((name) => name.startsWith('@'));
}
