import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CgroupPlan } from '@gantry/runtime';
import { keepControllers, type SystemdPlaces } from './kept-controllers';

describe('controllers in a slice of systemd', () => {
  let directory: string;
  const called = (): string => (existsSync(join(directory, 'called')) ? readFileSync(join(directory, 'called'), 'utf8') : '');
  const busctl = (script: string): SystemdPlaces => ({
    running: directory,
    busctl: ['/bin/sh', '-c', script, join(directory, 'called')],
  });
  const note = (): SystemdPlaces => busctl('echo "$@" >> "$0"');
  const plan = (path: string, mode: CgroupPlan['mode'] = 'v2'): CgroupPlan => ({
    path,
    mode,
    directories: [{ version: 2, controllers: [], mountpoint: directory, directory: `${directory}${path}` }],
  });
  const POD = '/kubepods.slice/kubepods-pod1.slice';

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-kept-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('are wanted by an empty slice in it, made once', async () => {
    await keepControllers(plan(`${POD}/cri-containerd-c.scope`), note());
    expect(called()).toContain(' StartTransientUnit ssa(sv)a(sa(sv)) kubepods-pod1-gantry.slice replace 6 Description s ');
    expect(called()).toMatch(
      / CPUWeight t 100 IOAccounting b true MemoryAccounting b true TasksAccounting b true AllowedMemoryNodes ay 1 1 0\n$/,
    );
    mkdirSync(`${directory}${POD}/kubepods-pod1-gantry.slice`, { recursive: true });
    const before = called();
    await keepControllers(plan(`${POD}/cri-containerd-d.scope`), note());
    expect(called()).toBe(before);
  });

  test("are nobody's where systemd is not asked: outside of slices, on cgroup v1, without systemd", async () => {
    await keepControllers(plan('/gantry/c'), note());
    await keepControllers(plan(`${POD}/c.scope`, 'hybrid'), note());
    await keepControllers(plan(`${POD}/c.scope`), { ...note(), running: join(directory, 'none') });
    expect(called()).toBe('');
  });

  test('fail the start by name where systemd does not answer, not where another start was first', async () => {
    const start = (script: string): Promise<void> => keepControllers(plan(`${POD}/c.scope`), busctl(script));
    await expect(start('echo "Call failed: Access denied" >&2; exit 1')).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'cgroup driver systemd: /bin/sh: Call failed: Access denied',
    });
    await start('echo "Call failed: Unit x.slice was already loaded or has a fragment file." >&2; exit 1');
  });
});
