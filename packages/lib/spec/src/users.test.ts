import { resolveUser } from './user-database';

const passwd =
  'root:x:0:0:root:/root:/bin/sh\n1000:x:0:0:trap:/root:/bin/sh\napp:x:500:600::/srv/app:\nbroken\n#app2:x:1:1::/:\nhuge:x:99999999999:0::/:\n';
const group = 'root:x:0:\nwheel:x:10:root,app\napp:x:600:\naudio:x:29:app\n';
const user = (spec: string, groupAdd: string[] = []) => resolveUser(spec, groupAdd, passwd, group);

it.each([
  ['', 0, 0, [0, 10], '/root'],
  ['root', 0, 0, [0, 10], '/root'],
  ['0', 0, 0, [0, 10], '/root'],
  ['app', 500, 600, [600, 10, 29], '/srv/app'],
  ['500', 500, 600, [600, 10, 29], '/srv/app'],
  ['app:audio', 500, 29, [29], '/srv/app'],
  ['app:7', 500, 7, [7], '/srv/app'],
  ['1234', 1234, 0, [0], '/'],
  ['1234:5', 1234, 5, [5], '/'],
])('user "%s"', (spec, uid, gid, additionalGids, home) => {
  expect(user(spec)).toEqual({ uid, gid, additionalGids, home });
});

it('never takes a number for a name (a passwd line named 1000 with uid 0)', () => {
  expect(user('1000').uid).toBe(1000);
});

it.each(['99999999999', '-1', '2147483648', '4294967295', '+5', 'nosuch', 'huge', 'app:nosuch', 'a:b:c', 'app:-1'])(
  'refuses user "%s"',
  (spec) => {
    expect(() => user(spec)).toThrow();
  },
);

it('adds groups by name and number', () => {
  expect(user('app', ['audio', '77']).additionalGids).toEqual([600, 10, 29, 77]);
  expect(() => user('app', ['nosuch'])).toThrow('unable to find group nosuch');
});
