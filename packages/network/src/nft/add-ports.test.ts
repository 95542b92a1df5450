import { sums } from './add-ports';

const table = new Map(sums().map(({ key, data }) => [key.toString('hex'), data]));

/** As the rules do it: digit by digit, from the lowest. */
function add(a: number, b: number): number {
  let [sum, carry] = [0, 0];
  for (let at = 0; at < 16; at += 2) {
    const key = Buffer.alloc(12);
    [(a >> at) & 3, (b >> at) & 3, carry].forEach((word, index) => key.writeUInt32LE(word, 4 * index));
    const data = table.get(key.toString('hex')) ?? Buffer.alloc(0);
    carry = data.readUInt32LE(0);
    sum |= data.readUInt32LE(4) << at;
  }
  return sum;
}

it('adds any port and any offset by 32 elements', () => {
  expect(table.size).toBe(32);
  for (const offset of [0, 1, -1, 10_000, -19_000, 0x5555, 0xaaaa, 65_535]) {
    const ports = Array.from({ length: 0x10000 }, (_, port) => port);
    expect(ports.filter((port) => add(port, offset & 0xffff) !== ((port + offset) & 0xffff))).toEqual([]);
  }
});
