import { detectCgroups } from './cgroups';
import { parseMountInfo } from './mountinfo';

const v1 = (id: number, path: string, options: string, root = '/') =>
  `${id} 1 0:${id} ${root} /sys/fs/cgroup/${path} rw,nosuid - cgroup cgroup rw,${options}`;
const v2 = (path: string) => `90 1 0:90 / ${path} rw - cgroup2 cgroup2 rw,nsdelegate`;

function detect(lines: string[], own: string) {
  return detectCgroups({ mounts: parseMountInfo(lines.join('\n')), own, controllers: () => 'cpuset cpu io memory\n' });
}

test('pure v2', () => {
  const cgroups = detect([v2('/sys/fs/cgroup')], '0::/user.slice/x\n');
  expect(cgroups.mode).toBe('v2');
  expect(cgroups.hierarchies).toEqual([
    { version: 2, controllers: ['cpuset', 'cpu', 'io', 'memory'], path: '/sys/fs/cgroup', own: '/user.slice/x' },
  ]);
  expect(cgroups.find('memory')?.version).toBe(2);
  expect(cgroups.find('freezer')).toBeUndefined();
});

test('hybrid, with a named hierarchy and joined controllers', () => {
  const cgroups = detect(
    [
      v1(30, 'systemd', 'xattr,name=systemd'),
      v1(31, 'cpu,cpuacct', 'cpu,cpuacct'),
      v1(32, 'memory', 'memory'),
      v2('/sys/fs/cgroup/unified'),
    ],
    '12:memory:/a\n11:cpu,cpuacct:/b\n1:name=systemd:/c:d\n0::/e\n',
  );
  expect(cgroups.mode).toBe('hybrid');
  expect(cgroups.hierarchies.map(({ version, controllers, name, own }) => [version, controllers.join(), name, own])).toEqual([
    [1, '', 'systemd', '/c:d'],
    [1, 'cpu,cpuacct', undefined, '/b'],
    [1, 'memory', undefined, '/a'],
    [2, 'cpuset,cpu,io,memory', undefined, '/e'],
  ]);
  expect(cgroups.find('cpuacct')?.path).toBe('/sys/fs/cgroup/cpu,cpuacct');
  expect(cgroups.find('systemd')?.path).toBe('/sys/fs/cgroup/systemd');
  expect(cgroups.find('unified')?.path).toBe('/sys/fs/cgroup/unified');
});

test('v1 only, seen from inside a container, and bound twice', () => {
  const cgroups = detect([v1(30, 'memory', 'memory', '/docker/1'), v1(30, 'again', 'memory', '/docker/1')], '4:memory:/docker/1/sub\n');
  expect(cgroups.mode).toBe('v1');
  expect(cgroups.hierarchies).toEqual([{ version: 1, controllers: ['memory'], path: '/sys/fs/cgroup/memory', own: '/sub' }]);
});

test('none', () => {
  expect(detect(['1 0 0:1 / / rw - ext4 /dev/x rw'], '').mode).toBe('none');
});
