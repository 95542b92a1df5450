import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  command,
  endPlanners,
  groupsBelow,
  hasProgram,
  pinnedNode,
  projectRoot,
  removeGroups,
  testWith,
  writeCommand,
  succeeding,
} from './harness';

/** gantry-runc below podman and conmon: `podman --runtime`. With GANTRY_E2E_PEER=1 runc too. */
const runtimes = process.env['GANTRY_E2E_PEER'] ? ['gantry-runc', 'runc'] : ['gantry-runc'];
const able = hasProgram('podman') && hasProgram('conmon');
const podmanTest = testWith('podman with conmon', able);

describe.each(runtimes)('%s below podman', (runtime) => {
  let folder: string;
  let parent: string;
  /** Only what the flags name is used: storage, locks, cgroups and the runtime's state lie in the test's own places. */
  const podman = (args: readonly string[], input = '') =>
    command(
      'podman',
      [
        '--root',
        `${folder}/root`,
        '--runroot',
        `${folder}/run`,
        '--tmpdir',
        `${folder}/tmp`,
        '--events-backend',
        'none',
        '--cgroup-manager',
        'cgroupfs',
        '--runtime',
        join(folder, 'runtime'),
        ...args,
      ],
      { input, env: { ...process.env, CONTAINERS_CONF: join(folder, 'containers.conf'), PODMAN_IGNORE_CGROUPSV1_WARNING: '1' } },
    );
  const ok = succeeding((args) => podman(args));
  const flags = () => ['--network', 'none', '--cgroup-parent', parent];

  beforeAll(async () => {
    if (!able) return;
    folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-`));
    parent = `/${folder.slice(folder.lastIndexOf('/') + 1)}`;
    // A flag of podman's own (--runtime-flag root=) does not reach the runtime's delete.
    const binary = runtime === 'runc' ? '/usr/sbin/runc' : writeCommand(folder, 'gantry-runc');
    writeFileSync(join(folder, 'runtime'), `#!/bin/sh\nexec ${binary} --root ${folder}/state "$@"\n`, { mode: 0o755 });
    writeFileSync(
      join(folder, 'containers.conf'),
      '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nlock_type = "file"\n',
    );
    const archive = join(folder, 'busybox.tar');
    const made = await command(pinnedNode, [join(projectRoot, 'tools/make-image.mjs'), '--out', archive]);
    if (made.code !== 0) throw new Error(made.stderr);
    await ok('load', '-i', archive);
  }, 180_000);
  afterAll(async () => {
    if (!able) return;
    await podman(['rm', '-f', '-a', '-t', '0']);
    await endPlanners();
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
      const target = line.split(' ')[4] ?? '';
      if (target.startsWith(folder)) await command('umount', ['-l', target]);
    }
    await removeGroups(parent);
    rmSync(folder, { recursive: true, force: true });
  }, 180_000);

  podmanTest(
    'output, exit codes, a terminal',
    async () => {
      expect(await podman(['run', '--rm', ...flags(), 'busybox', 'sh', '-c', 'echo o; echo e >&2'])).toMatchObject({
        code: 0,
        stdout: 'o\n',
        stderr: 'e\n',
      });
      expect((await podman(['run', '--rm', ...flags(), 'busybox', 'sh', '-c', 'exit 42'])).code).toBe(42);
      expect((await podman(['run', '--rm', ...flags(), 'busybox', 'nosuch'])).code).toBe(127);
      expect(await podman(['run', '--rm', '-i', ...flags(), 'busybox', 'cat'], 'typed')).toMatchObject({ code: 0, stdout: 'typed' });
      expect(await ok('run', '--rm', '-t', ...flags(), 'busybox', 'tty')).toBe('/dev/pts/0');
    },
    180_000,
  );

  podmanTest(
    'exec, limits, pause, kill and rm; nothing is left',
    async () => {
      const id = await ok('run', '-d', ...flags(), '-m', '40m', '--pids-limit', '55', 'busybox', 'sleep', '6000');
      const limits = 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max 2>/dev/null || cat memory.max pids.max';
      expect(await ok('exec', id, 'sh', '-c', limits)).toBe('41943040\n55');
      expect((await podman(['exec', id, 'sh', '-c', 'exit 7'])).code).toBe(7);
      expect(await ok('exec', '-t', id, 'tty')).toBe('/dev/pts/0');
      expect((await podman(['exec', id, 'nosuch'])).code).toBe(127);
      await ok('pause', id);
      expect(await ok('inspect', '-f', '{{.State.Status}}', id)).toBe('paused');
      await ok('unpause', id);
      expect(await ok('top', id)).toContain('sleep 6000');
      await ok('kill', id);
      expect(await ok('wait', id)).toBe('137');
      await ok('rm', id);
      // libpod-<id> itself is podman's own, who leaves it on cgroup v1 whatever the runtime.
      expect(groupsBelow(parent).filter((dir) => dir.includes(`${id}/`))).toEqual([]);
      expect(readdirSync(join(folder, 'state'))).toEqual([]);
    },
    180_000,
  );
});
