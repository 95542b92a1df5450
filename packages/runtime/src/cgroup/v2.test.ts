/** Pure cgroup v2, also on a hybrid host: its unified hierarchy is taken as if it were the only one (it may have no controllers). */
import { existsSync } from 'node:fs';
import { compileCreate } from '../compile/create';
import { compileExec } from '../compile/exec';
import { dockerLikeSpec, launchPlan, makeBundle, missingForContainers } from '../testing/container';
import { startTimeOf } from '../testing/harness';
import { readHierarchies } from './hierarchies';
import { createCgroupManager } from './manager';

const unified = readHierarchies().list.find((h) => h.version === 2);
const missing = missingForContainers() ?? (unified ? undefined : 'a cgroup2 mount');

(missing === undefined ? describe : describe.skip)(`a container on cgroup v2${missing ? ` [needs ${missing}]` : ''}`, () => {
  const manager = createCgroupManager({ mode: 'v2', list: unified ? [unified] : [] });
  const id = `v2-${process.pid}`;
  const plan = manager.plan(`/gantry-test-${process.pid}/${id}`);
  let box: ReturnType<typeof makeBundle>;
  beforeEach(() => {
    box = makeBundle();
  });
  afterEach(async () => {
    await manager.killAll(plan);
    await manager.remove(plan);
    await manager.tidy(`/gantry-test-${process.pid}`);
    box.remove();
  });

  test('is cloned into it, its devices are limited by a program, it is frozen and killed as one', async () => {
    const spec = dockerLikeSpec([
      'sh',
      '-c',
      'cat /proc/self/cgroup | tail -1; mknod /tmp/vda b 254 0; cat /tmp/vda 2>&1 >/dev/null; cat /dev/null && echo null; cat /dev/fuse 2>&1; grep cgroup /proc/mounts | cut -d" " -f1-3; exec sleep 60',
    ]);
    spec.linux!.devices = [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229 }];
    await manager.create(plan, {});
    const launched = launchPlan(compileCreate(spec, { id, bundle: box.bundle, cgroup: plan }).plan);
    const printed = new Promise<void>((resolve) => {
      launched.child.stdout?.on('data', (data: Buffer) => {
        if (data.includes('cgroup2')) resolve();
      });
    });
    const pid = await launched.created;
    await launched.started;
    await printed;
    expect(await manager.pids(plan)).toContain(pid);
    const exec = compileExec(
      { user: { uid: 0, gid: 0 }, cwd: '/', args: ['/bin/sh', '-c', '/bin/tail -1 /proc/self/cgroup'] },
      { pid, startTime: startTimeOf(pid), spec, cgroup: plan },
      { id },
    );
    expect((await launchPlan(exec.plan, { mode: 'runc-exec' }).done).stdout).toBe('0::/\n');
    await manager.freeze(plan);
    expect(await manager.frozen(plan)).toBe(true);
    await manager.thaw(plan);
    expect(await manager.killAll(plan)).toBeGreaterThan(0);
    const { stdout, code } = await launched.done;
    expect(code).toBe(137);
    expect(stdout).toContain('0::/\n');
    expect(stdout).toMatch(/vda.*Operation not permitted/);
    expect(stdout).toContain('null\n');
    expect(stdout).toMatch(/fuse.*Operation not permitted/);
    expect(stdout).toContain('cgroup /sys/fs/cgroup cgroup2');
    await manager.remove(plan);
    expect(existsSync(plan.directories[0]?.directory ?? '/')).toBe(false);
  });
});
