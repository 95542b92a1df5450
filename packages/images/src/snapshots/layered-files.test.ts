import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layersOf } from '@gantry/linux';
import { readLayeredFile } from './layered-files';

const read = (...of: Parameters<typeof readLayeredFile>): string | undefined => readLayeredFile(...of)?.toString();

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
    expect(read([upper, lower], '/etc/passwd')).toBe('lower');
    mkdirSync(join(upper, 'usr', 'etc'), { recursive: true });
    writeFileSync(join(upper, 'usr', 'etc', 'passwd'), 'linked');
    mkdirSync(join(upper, 'etc'));
    symlinkSync('../../usr/etc/passwd', join(upper, 'etc', 'passwd'));
    expect(read([upper, lower], '/etc/passwd')).toBe('linked');
    expect(read([upper, lower], '/etc/group')).toBeUndefined();
  });

  it('does not leave the layers: an absolute link, a directory link of a lower layer, dots', () => {
    const [upper, lower] = [layer('upper'), layer('lower')];
    symlinkSync(join(root, 'host'), join(lower, 'etc'));
    expect(read([lower], '/etc/passwd')).toBeUndefined();
    mkdirSync(join(upper, 'etc'));
    expect(read([upper, lower], '/etc/passwd')).toBeUndefined();
    symlinkSync(join(root, 'host', 'passwd'), join(upper, 'etc', 'passwd'));
    expect(read([upper, lower], '/etc/passwd')).toBeUndefined();
    symlinkSync('../../../../../../../../../../../../etc/shadow', join(upper, 'etc', 'group'));
    expect(read([upper, lower], '/etc/group')).toBeUndefined();
    symlinkSync('loop', join(upper, 'loop'));
    expect(() => read([upper], '/loop')).toThrow('too many symbolic links');
  });

  it('refuses what is no small regular file, without blocking', () => {
    const upper = layer('upper');
    execFileSync('mkfifo', [join(upper, 'fifo')]);
    writeFileSync(join(upper, 'large'), Buffer.alloc(1024 * 1024 + 1));
    expect(() => read([upper], '/fifo')).toThrow('not a regular file');
    expect(() => read([upper], '/large')).toThrow('larger than');
    expect(() => read([upper], '/')).toThrow('directory');
  });

  it('honours whiteouts and opaque directories', () => {
    const [upper, lower] = [layer('upper'), layer('lower')];
    mkdirSync(join(lower, 'etc'));
    writeFileSync(join(lower, 'etc', 'passwd'), 'lower');
    mkdirSync(join(upper, 'etc'));
    expect(read([upper, lower], '/etc/passwd', (directory) => directory === join(upper, 'etc'))).toBeUndefined();
    execFileSync('mknod', [join(upper, 'etc', 'passwd'), 'c', '0', '0']);
    expect(read([upper, lower], '/etc/passwd')).toBeUndefined();
  });
});

it('finds the layers of an overlay, with a colon in a name', () => {
  const options = ['upperdir=/u', 'workdir=/w', 'lowerdir=/a:/b\\:c'];
  expect(layersOf({ type: 'overlay', source: 'overlay', options })).toEqual(['/u', '/a', '/b:c']);
  expect(layersOf({ type: 'erofs', source: '/x', options: [] })).toBeUndefined();
});
