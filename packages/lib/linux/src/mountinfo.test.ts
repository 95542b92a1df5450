import { mountOf, mountPointsBelow, parseMountInfo } from './mountinfo';

const text = [
  '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro',
  '30 22 0:5 / /proc rw,nosuid shared:2 master:7 - proc proc rw',
  '40 22 0:30 /sub /data/a\\040b\\011c\\134d rw - overlay overlay rw,lowerdir=/x',
  '41 40 0:31 / /data/a\\040b\\011c\\134d/inner ro - tmpfs none rw',
  '42 22 0:32 / /data2 rw - tmpfs tmpfs rw',
  Buffer.from('43 22 0:33 / /dät rw - tmpfs tmpfs rw').toString('latin1'),
  '',
].join('\n');

const mounts = parseMountInfo(text);

test('fields, optional fields, escapes and bytes', () => {
  expect(mounts[0]).toEqual({
    id: 22,
    parent: 1,
    device: '8:1',
    root: '/',
    mountPoint: '/',
    options: ['rw', 'relatime'],
    propagation: ['shared:1'],
    type: 'ext4',
    source: '/dev/sda1',
    superOptions: ['rw', 'errors=remount-ro'],
  });
  expect(mounts[1]?.propagation).toEqual(['shared:2', 'master:7']);
  expect(mounts[2]).toMatchObject({ root: '/sub', mountPoint: '/data/a b\tc\\d', propagation: [], type: 'overlay' });
  expect(mounts[5]?.mountPoint).toBe('/dät');
});

test('the mount of a path and the mounts below one', () => {
  expect(mountOf('/data/a b\tc\\d/inner/x', mounts)?.id).toBe(41);
  expect(mountOf('/data', mounts)?.id).toBe(22);
  expect(mountOf('/data22/x', mounts)?.id).toBe(22);
  expect(mountOf('/data2', mounts)?.id).toBe(42);
  expect(mountPointsBelow('/data', mounts)).toEqual(['/data/a b\tc\\d/inner', '/data/a b\tc\\d']);
});
