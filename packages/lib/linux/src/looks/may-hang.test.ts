import { mayHang } from './may-hang';

const line = (place: string, type: string): string => `36 35 98:0 / ${place} rw,noatime shared:1 - ${type} source rw`;

test.each<[string, string, boolean]>([
  ['/', 'ext4', false],
  ['/var', 'overlay', false],
  ['/mnt/fuse on a disk', 'xfs', false],
  ['/mnt', 'fuse', true],
  ['/mnt', 'fuse.sshfs', true],
  ['/sys/fs/fuse/connections', 'fusectl', false],
  ['/mnt', 'nfs4', true],
  ['/mnt', 'cifs', true],
  ['/mnt', '9p', true],
  ['/proc/sys/fs/binfmt_misc', 'autofs', false],
  ['/net', 'autofs', true],
  ['/mnt', 'unheard-of', true],
])('%s of %s: %p', (place, type, wanted) => {
  expect(mayHang([line('/', 'ext4'), line(place.replaceAll(' ', '\\040'), type), ''].join('\n'))).toBe(wanted);
});
