import { parseAddress, type Address } from '../../../address/cidr';
import { directionKey, expand, isSecret, newSecret } from './keys';

const bytes = (text: string): Buffer => Buffer.from(text, 'hex');
const counting = (from: number, count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, at) => from + at));

describe('keys of networks', () => {
  it.each([
    [
      'A.1',
      Buffer.alloc(22, 0x0b),
      counting(0, 13),
      counting(0xf0, 10),
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    ],
    [
      'A.2',
      counting(0, 80),
      counting(0x60, 80),
      counting(0xb0, 80),
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
    ],
    [
      'A.3',
      Buffer.alloc(22, 0x0b),
      Buffer.alloc(0),
      Buffer.alloc(0),
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    ],
  ])('come by HKDF as RFC 5869 has it (%s)', (_, secret, salt, info, want) => {
    expect(expand(secret, salt, info, want.length / 2)).toEqual(bytes(want));
  });

  const end = (address: string, salt: number) => ({
    address: parseAddress(address) as Address,
    salt: Buffer.alloc(32, salt).toString('hex'),
  });
  const wish = { secret: '11'.repeat(32), network: 'n', from: end('192.0.2.1', 1), to: end('192.0.2.2', 2) };

  it('are the same for both ends, and others with anything that is another', () => {
    const key = directionKey(wish);
    expect(directionKey({ ...wish })).toEqual(key);
    expect(key.key).toHaveLength(36);
    const others = [
      { ...wish, secret: '12'.repeat(32) },
      { ...wish, network: 'm' },
      { ...wish, from: wish.to, to: wish.from },
      { ...wish, from: end('192.0.2.1', 3) },
      { ...wish, to: end('192.0.2.2', 3) },
      { ...wish, to: end('192.0.2.3', 2) },
      { ...wish, from: end('192.0.2.1', 2), to: end('192.0.2.2', 1) },
    ].map(directionKey);
    const all = [key, ...others];
    expect(new Set(all.map((each) => each.key.toString('hex'))).size).toBe(all.length);
    expect(new Set(all.map(({ spi }) => spi)).size).toBe(all.length);
    expect(all.every(({ spi }) => spi >= 256)).toBe(true);
  });

  it('stay what they are: engines of all versions must find the same', () => {
    const { key, spi } = directionKey(wish);
    expect([key.toString('hex'), spi]).toMatchInlineSnapshot(`
     [
       "d13a6d11e3c528318e89dc31c985b989a1f6df14a985fa1c52b87cdf24eaba97ed6ae7b0",
       4053366713,
     ]
    `);
  });

  it('are made of secrets that are each of their own', () => {
    const [one, two] = [newSecret(), newSecret()];
    expect(one).not.toBe(two);
    expect([one, '', `${one}0`, one.replace(/^./, 'g')].map(isSecret)).toEqual([true, false, false, false]);
  });
});
