import { sums } from './add-ports';

const wordsOf = (bytes: Buffer): number[] => [0, 4, 8].filter((at) => at < bytes.length).map((at) => bytes.readUInt32LE(at));
const keyOf = ([a = 0, b = 0, carry = 0]: readonly number[]): number => (a << 3) | (b << 1) | carry;
const table = new Map(sums().map(({ key, data = Buffer.alloc(0) }) => [keyOf(wordsOf(key)), wordsOf(data)]));

/** As the rules do it: digit by digit, from the lowest. */
function add(a: number, b: number): number {
  let [sum, carry = 0, digit = 0] = [0, 0, 0];
  for (let at = 0; at < 16; at += 2) {
    [, carry = 0, digit = 0] = table.get(keyOf([(a >> at) & 3, (b >> at) & 3, carry])) ?? [];
    sum |= digit << at;
  }
  return sum;
}

it('adds any port and any offset by 32 elements', () => {
  expect(table.size).toBe(32);
  const ports = Array.from({ length: 0x10000 }, (_, port) => port);
  for (const offset of [0, 1, -1, 10_000, -19_000, 0x5555, 0xaaaa, 65_535])
    expect(ports.filter((port) => add(port, offset & 0xffff) !== ((port + offset) & 0xffff))).toEqual([]);
});
