/** Bind mounts: which flags they end with, where they come from, and in which order they are seen. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Spec } from '@gantry/oci';
import { dockerLikeSpec } from '../testing/container';
import { Box, describeContainers } from '../testing/harness';

describeContainers('a bind mount', () => {
  let box: Box;
  beforeEach(() => { box = new Box(); });
  afterEach(() => box.close());
  const shell = (script: string, mounts: Spec['mounts'], userNamespace = false): Spec => {
    const spec = dockerLikeSpec(['sh', '-c', script]);
    spec.mounts = [...spec.mounts!, ...mounts!];
    const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
    if (userNamespace) Object.assign(spec.linux!, { namespaces: [...spec.linux!.namespaces!, { type: 'user' }], uidMappings: map, gidMappings: map });
    return spec;
  };

  test.each([
    [[], false, 'ro,nosuid,nodev,noexec'],
    [['nosuid'], false, 'rw,nosuid'],
    [['dev'], false, 'rw'],
    [['ro'], true, 'ro,nosuid,nodev,noexec'],
  ] as const)('of a read-only nosuid,nodev,noexec source with %j (user namespace: %s) is %s', async (options, userNamespace, flags) => {
    const source = join(box.bundle, 'source');
    mkdirSync(source);
    mkdirSync(join(box.rootfs, 'm'));
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', source]);
    execFileSync('mount', ['-o', 'remount,bind,ro,nosuid,nodev,noexec', source]);
    try {
      const { stdout } = await box.run(shell("grep ' /m ' /proc/mounts | cut -d' ' -f4 | sed 's/,relatime.*//'", [{ destination: '/m', source, options: ['bind', ...options] }], userNamespace));
      expect(stdout).toBe(`${flags}\n`);
    } finally {
      execFileSync('umount', [source]);
    }
  });

  test.each([false, true])('takes what an earlier mount brought into the rootfs, by its path on the host (user namespace: %s)', async (userNamespace) => {
    mkdirSync(join(box.bundle, 'source/deep'), { recursive: true, mode: 0o755 });
    writeFileSync(join(box.bundle, 'source/deep/f'), 'from the mount');
    for (const place of ['a', 'b/c']) mkdirSync(join(box.rootfs, place), { recursive: true });
    const { stdout } = await box.run(shell('cat /b/c/f', [
      { destination: join(box.rootfs, 'a'), source: 'source', options: ['bind'] },
      { destination: '/b/c', source: join(box.rootfs, 'a/deep'), options: ['bind'] },
    ], userNamespace));
    expect(stdout).toBe('from the mount');
  });

  test('is listed where config.json has it', async () => {
    mkdirSync(join(box.bundle, 'source'));
    const { stdout } = await box.run(shell("cut -d' ' -f5 /proc/self/mountinfo | grep -E '^/(one|two|three)$'", [
      { destination: '/one', type: 'tmpfs', source: 'tmpfs' }, { destination: '/two', source: 'source', options: ['bind'] }, { destination: '/three', type: 'tmpfs', source: 'tmpfs' },
    ]));
    expect(stdout).toBe('/one\n/two\n/three\n');
  });
});
