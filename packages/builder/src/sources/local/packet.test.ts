import { Packet, Packet_PacketType as Type, Stat } from '@gantry/api/fsutil/types/wire';
import { readPacket, statStart } from './packet';

const packet = (wish: Parameters<typeof Packet.fromPartial>[0]): Buffer => Buffer.from(Packet.encode(Packet.fromPartial(wish)).finish());
const stat = (path: string): Stat => Stat.fromPartial({ path, mode: 0o644, size: 5n });

test.each([1, 60, 200, 20_000])('the stat in a packet is found without reading the rest: a path of %s bytes', (length) => {
  const bytes = packet({ type: Type.PACKET_STAT, stat: stat('p'.repeat(length)) });
  const from = statStart(bytes);
  expect(from).toBeGreaterThan(0);
  expect(bytes.subarray(from).equals(readPacket(bytes).stat ?? Buffer.alloc(0))).toBe(true);
});

test('what is anything else, or more, or cut, is read field by field', () => {
  const told = packet({ type: Type.PACKET_STAT, stat: stat('a') });
  const others = [
    packet({ type: Type.PACKET_STAT }),
    packet({ type: Type.PACKET_DATA, ID: 1, data: Buffer.from('x') }),
    packet({ type: Type.PACKET_FIN }),
    packet({ type: Type.PACKET_STAT, stat: stat('a'), ID: 3 }),
    told.subarray(0, told.length - 1),
    Buffer.from([0x12, 0]),
    Buffer.from([0x12, 0x80, 0x80, 0x80, 0x80, 1]),
    Buffer.from([0x12]),
    Buffer.alloc(0),
  ];
  expect(others.map((bytes) => statStart(bytes))).toEqual(others.map(() => 0));
});
