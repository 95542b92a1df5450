import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layersOf, readLayeredFile } from './layered-files';
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

describe('files of layers', () => {
  let root: string;
  const layer = (name: string): string => {
    mkdirSync(join(root, name), { recursive: true });
    return join(root, name);
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'gantry-layers-'));
    mkdirSync(join(root, 'host'));
    writeFileSync(join(root, 'host', 'passwd'), 'host secret');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('reads the topmost file, through links that stay inside', () => {
    const [upper, lower] = [layer('upper'), layer('lower')];
    mkdirSync(join(lower, 'etc'));
    writeFileSync(join(lower, 'etc', 'passwd'), 'lower');
    expect(readLayeredFile([upper, lower], '/etc/passwd')).toBe('lower');
    mkdirSync(join(upper, 'usr', 'etc'), { recursive: true });
    writeFileSync(join(upper, 'usr', 'etc', 'passwd'), 'linked');
    mkdirSync(join(upper, 'etc'));
    symlinkSync('../../usr/etc/passwd', join(upper, 'etc', 'passwd'));
    expect(readLayeredFile([upper, lower], '/etc/passwd')).toBe('linked');
    expect(readLayeredFile([upper, lower], '/etc/group')).toBeUndefined();
  });

  it('does not leave the layers: an absolute link, a directory link of a lower layer, dots', () => {
    const [upper, lower] = [layer('upper'), layer('lower')];
    symlinkSync(join(root, 'host'), join(lower, 'etc'));
    expect(readLayeredFile([lower], '/etc/passwd')).toBeUndefined();
    mkdirSync(join(upper, 'etc'));
    expect(readLayeredFile([upper, lower], '/etc/passwd')).toBeUndefined();
    symlinkSync(join(root, 'host', 'passwd'), join(upper, 'etc', 'passwd'));
    expect(readLayeredFile([upper, lower], '/etc/passwd')).toBeUndefined();
    symlinkSync('../../../../../../../../../../../../etc/shadow', join(upper, 'etc', 'group'));
    expect(readLayeredFile([upper, lower], '/etc/group')).toBeUndefined();
    symlinkSync('loop', join(upper, 'loop'));
    expect(() => readLayeredFile([upper], '/loop')).toThrow('too many symbolic links');
  });

  it('refuses what is no small regular file, without blocking', () => {
    const upper = layer('upper');
    execFileSync('mkfifo', [join(upper, 'fifo')]);
    writeFileSync(join(upper, 'large'), Buffer.alloc(1024 * 1024 + 1));
    expect(() => readLayeredFile([upper], '/fifo')).toThrow('not a regular file');
    expect(() => readLayeredFile([upper], '/large')).toThrow('larger than');
    expect(() => readLayeredFile([upper], '/')).toThrow('directory');
  });

  it('honours whiteouts and opaque directories', () => {
    const [upper, lower] = [layer('upper'), layer('lower')];
    mkdirSync(join(lower, 'etc'));
    writeFileSync(join(lower, 'etc', 'passwd'), 'lower');
    mkdirSync(join(upper, 'etc'));
    expect(readLayeredFile([upper, lower], '/etc/passwd', (directory) => directory === join(upper, 'etc'))).toBeUndefined();
    execFileSync('mknod', [join(upper, 'etc', 'passwd'), 'c', '0', '0']);
    expect(readLayeredFile([upper, lower], '/etc/passwd')).toBeUndefined();
  });

  it('finds the layers of a snapshot', () => {
    expect(
      layersOf([{ type: 'overlay', source: 'overlay', target: '', options: ['upperdir=/u', 'workdir=/w', 'lowerdir=/a:/b\\:c'] }]),
    ).toEqual(['/u', '/a', '/b:c']);
    expect(layersOf([{ type: 'bind', source: '/x', target: '', options: [] }])).toEqual(['/x']);
    expect(layersOf([{ type: 'erofs', source: '/x', target: '', options: [] }])).toBeUndefined();
  });
});
