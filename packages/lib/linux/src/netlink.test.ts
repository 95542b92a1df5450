import { AF, NETLINK, NetlinkSocket, syscalls } from './index';
import { recordingSyscalls } from './testing';

/** RTM_GETLINK of one interface. */
function getLink(index: number, sequence: number): Buffer {
  const message = Buffer.alloc(32);
  message.writeUInt32LE(32, 0);
  message.writeUInt16LE(18, 4);
  message.writeUInt16LE(1, 6);
  message.writeUInt32LE(sequence, 8);
  message.writeInt32LE(index, 20);
  return message;
}

test('the kernel answers within the send', async () => {
  const socket = new NetlinkSocket(NETLINK.ROUTE);
  socket.sendSync(getLink(1, 7));
  const answer = socket.receive();
  expect([answer?.readUInt16LE(4), answer?.readUInt32LE(8), answer?.toString('latin1').includes('lo\0')]).toEqual([16, 7, true]);
  expect(socket.receive()).toBeUndefined();

  await socket.send(getLink(0x7ffffff0, 8));
  const refused = socket.receive();
  expect([refused?.readUInt16LE(4), refused?.readInt32LE(16)]).toEqual([2, -19]); // NLMSG_ERROR, ENODEV
  socket.close();
  socket.close();
});

test('a foreign namespace that does not exist is told by its path', () => {
  expect(() => new NetlinkSocket(NETLINK.ROUTE, { namespace: '/proc/1/ns/none' })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

test('the recording kernel remembers, answers and fails as told', async () => {
  const { syscalls: fake, calls } = recordingSyscalls({
    statx: () => {
      throw new Error('told to fail');
    },
    async: { umount2: async () => undefined },
  });
  const fd = fake.socket(AF.NETLINK, 3, 0);
  fake.mount('a', '/b', 'tmpfs', 0, null);
  await fake.async.umount2('/b', 2);
  expect(() => fake.statx(fd, '', 0)).toThrow('told to fail');
  expect(calls).toEqual([
    ['socket', AF.NETLINK, 3, 0],
    ['mount', 'a', '/b', 'tmpfs', 0, null],
    ['async.umount2', '/b', 2],
    ['statx', fd, '', 0],
  ]);
  expect(Object.keys(syscalls.async)).toContain('umount2');
});
