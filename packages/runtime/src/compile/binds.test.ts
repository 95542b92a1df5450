/** Bind mounts: which flags they end with, where they come from, and in which order they are seen. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Spec } from '@gantry/oci';
import { dockerLikeSpec } from '../testing/container';
import { describeBoxes } from '../testing/harness';

describeBoxes('a bind mount', (box) => {
  const shell = (script: string, mounts: Spec['mounts'], userNamespace = false): Spec => {
    const spec = dockerLikeSpec(['sh', '-c', script]);
    spec.mounts = [...spec.mounts!, ...mounts!];
    const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
    if (userNamespace)
      Object.assign(spec.linux!, { namespaces: [...spec.linux!.namespaces!, { type: 'user' }], uidMappings: map, gidMappings: map });
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
      const { stdout } = await box.run(
        shell(
          "grep ' /m ' /proc/mounts | cut -d' ' -f4 | sed 's/,relatime.*//'",
          [{ destination: '/m', source, options: ['bind', ...options] }],
          userNamespace,
        ),
      );
      expect(stdout).toBe(`${flags}\n`);
    } finally {
      execFileSync('umount', [source]);
    }
  });

  /** A tmpfs at `source` whose mount has these options, while body runs. */
  const withSource = async (options: string, body: (source: string) => Promise<void>): Promise<void> => {
    const source = join(box.bundle, 'source');
    mkdirSync(source);
    mkdirSync(join(box.rootfs, 'm'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'strictatime,diratime', 'tmpfs', source]);
    try {
      execFileSync('mount', ['-o', `remount,bind,${options}`, source]);
      await body(source);
    } finally {
      execFileSync('umount', [source]);
    }
  };
  const seen = (source: string, options: readonly string[], userNamespace: boolean) =>
    box.run(
      shell(
        "grep ' /m ' /proc/mounts | cut -d' ' -f4 | tr , '\\n' | grep -E '^ro$|no|atime' | sort | tr '\\n' ' '",
        [{ destination: '/m', source, options: ['bind', ...options] }],
        userNamespace,
      ),
    );

  test.each([
    ['noatime', [], 'noatime '],
    ['noatime', ['atime'], 'noatime '],
    ['noatime', ['norelatime'], 'noatime '],
    ['noatime', ['relatime'], 'relatime '],
    ['noatime', ['nodiratime'], 'nodiratime relatime '],
    ['strictatime,nodiratime', ['strictatime'], ''],
    ['noatime', ['nodiratime', 'strictatime'], 'nodiratime '],
    ['relatime', ['noatime', 'atime'], 'relatime '],
  ] as const)('of a source with %s and %j keeps access times as mount(8) does', (options, given, flags) =>
    withSource(options, async (source) => {
      expect((await seen(source, given, false)).stdout).toBe(flags);
    }),
  );

  test.each([
    ['ro', 'rw'],
    ['nosuid', 'suid'],
    ['nodev', 'dev'],
    ['noexec', 'exec'],
    ['noatime', 'strictatime'],
  ])('in a user namespace does not turn the %s of its source into %s', (options, given) =>
    withSource(options, async (source) => {
      const { lines } = await seen(source, [given], true);
      expect(lines.at(-1)).toMatch(/^error \w+ error mounting ".*\/source" at "\/m": .*: operation not permitted$/);
      expect((await seen(source, [], true)).stdout).toContain(options);
    }),
  );

  test('of a read-only file system may be asked writable in a user namespace: it stays read-only', () =>
    withSource('rw', async (source) => {
      execFileSync('mount', ['-o', 'remount,ro', source]);
      execFileSync('mount', ['-o', 'remount,bind,rw', source]);
      const { code, stdout } = await seen(source, ['rw'], true);
      expect([code, stdout]).toEqual([0, 'ro ']);
    }));

  test("maps the ids of one of the container's own mounts in a user namespace", async () => {
    mkdirSync(join(box.bundle, 'source'), { mode: 0o755 });
    writeFileSync(join(box.bundle, 'source/f'), 'deep');
    for (const place of ['a', 'm']) mkdirSync(join(box.rootfs, place));
    const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
    const { stdout, lines } = await box.run(
      shell(
        "stat -c '%u' /m/f; cat /m/f",
        [
          { destination: '/a', source: 'source', options: ['bind'] },
          { destination: '/m', source: join(box.rootfs, 'a'), options: ['bind', 'idmap'], uidMappings: map, gidMappings: map },
        ],
        true,
      ),
    );
    expect([stdout, lines.filter((line) => line.startsWith('error'))]).toEqual(['0\ndeep', []]);
  });

  test.each([false, true])(
    'takes what an earlier mount brought into the rootfs, by its path on the host (user namespace: %s)',
    async (userNamespace) => {
      mkdirSync(join(box.bundle, 'source/deep'), { recursive: true, mode: 0o755 });
      writeFileSync(join(box.bundle, 'source/deep/f'), 'from the mount');
      for (const place of ['a', 'b/c']) mkdirSync(join(box.rootfs, place), { recursive: true });
      const { stdout } = await box.run(
        shell(
          'cat /b/c/f',
          [
            { destination: join(box.rootfs, 'a'), source: 'source', options: ['bind'] },
            { destination: '/b/c', source: join(box.rootfs, 'a/deep'), options: ['bind'] },
          ],
          userNamespace,
        ),
      );
      expect(stdout).toBe('from the mount');
    },
  );

  test('is listed where config.json has it', async () => {
    mkdirSync(join(box.bundle, 'source'));
    const { stdout } = await box.run(
      shell("cut -d' ' -f5 /proc/self/mountinfo | grep -E '^/(one|two|three)$'", [
        { destination: '/one', type: 'tmpfs', source: 'tmpfs' },
        { destination: '/two', source: 'source', options: ['bind'] },
        { destination: '/three', type: 'tmpfs', source: 'tmpfs' },
      ]),
    );
    expect(stdout).toBe('/one\n/two\n/three\n');
  });
});
