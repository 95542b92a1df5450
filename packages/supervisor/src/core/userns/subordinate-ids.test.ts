import { formatIds, mapsOfProcess, sameMaps } from './maps';
import { type IdFiles, readRemap } from './subordinate-ids';

const files: IdFiles = {
  passwd:
    'root:x:0:0:root:/root:/bin/sh\ndockremap:x:999:998::/:/bin/false\nann:x:1000:1000::/home/ann:/bin/sh\nbare:x:1001:1001::/:/bin/sh\n',
  group: 'root:x:0:\ndockremap:x:998:\nann:x:1000:\nteam:x:2000:ann\nbare:x:1001:\n',
  subuid: '# comment\ndockremap:100000:65536\n1000:300000:1000\nann:400000:5\n',
  subgid: 'dockremap:200000:65536\nann:500000:1000\nteam:600000:70000\n',
};

test('default, a name and a number name the ranges of one user, one after the other', () => {
  expect(readRemap('', files)).toBeUndefined();
  expect(readRemap('default', files)).toEqual({
    user: 'dockremap',
    group: 'dockremap',
    uids: [{ containerID: 0, hostID: 100000, size: 65536 }],
    gids: [{ containerID: 0, hostID: 200000, size: 65536 }],
  });
  const ann = {
    uids: [
      { containerID: 0, hostID: 300000, size: 1000 },
      { containerID: 1000, hostID: 400000, size: 5 },
    ],
    gids: [{ containerID: 0, hostID: 500000, size: 1000 }],
  };
  expect(readRemap('ann', files)).toEqual({ user: 'ann', group: 'ann', ...ann });
  expect(readRemap('1000', files)).toEqual({ user: 'ann', group: 'ann', ...ann });
  expect(readRemap('ann:team', files)).toMatchObject({ group: 'team', gids: [{ containerID: 0, hostID: 600000, size: 70000 }] });
});

test.each([
  ['nobody-here', 'user "nobody-here" is not in /etc/passwd'],
  ['ann:nobody', 'group "nobody" is not in /etc/group'],
  ['bare', 'user "bare" has no range in /etc/subuid (a line like bare:100000:65536)'],
  ['ann:bare', 'group "bare" has no range in /etc/subgid'],
  ['ann:', 'userns-remap "ann:" is not default, user or user:group'],
  ['a:b:c', 'userns-remap "a:b:c" is not'],
])('%s is refused with what is missing', (value, message) => {
  expect(() => readRemap(value, files)).toThrow(message);
});

test("a range beyond the kernel's ids is refused", () => {
  expect(() => readRemap('ann', { ...files, subuid: 'ann:4294967290:100\n' })).toThrow('out of the kernel');
});

test("the maps of a process in the host's user namespace are none", () => {
  expect(mapsOfProcess(process.pid)).toBeUndefined();
  const maps = { uids: [{ containerID: 0, hostID: 1, size: 2 }], gids: [{ containerID: 3, hostID: 4, size: 5 }] };
  expect([sameMaps(maps, { ...maps }), sameMaps(maps, { ...maps, gids: [] }), formatIds([...maps.uids, ...maps.gids])]).toEqual([
    true,
    false,
    '0:1:2,3:4:5',
  ]);
});
