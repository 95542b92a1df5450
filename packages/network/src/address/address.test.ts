import fc from 'fast-check';
import {
  type Address,
  type Cidr,
  contains,
  type Family,
  first,
  formatAddress,
  formatCidr,
  fromBytes,
  last,
  macOf,
  overlaps,
  parseAddress,
  parseCidr,
  parseMac,
  toBytes,
  WIDTH,
} from './cidr';
import { AddressLeases } from './leases';
import { DEFAULT_POOLS, firstFree, uniqueLocalPool, withUniqueLocal } from './pools';

const known = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('there is none');
  return value;
};
const cidr = (text: string): Cidr => known(parseCidr(text));
const address = (text: string): Address => known(parseAddress(text));

describe('addresses', () => {
  it('are read back as they are written, in text and in bytes', () => {
    const addresses = fc
      .constantFrom<Family>(4, 6)
      .chain((family) =>
        fc.record({ family: fc.constant(family), value: fc.bigInt({ min: 0n, max: (1n << BigInt(WIDTH[family])) - 1n }) }),
      );
    fc.assert(
      fc.property(addresses, fc.integer({ min: 0, max: 32 }), (one, prefix) => {
        expect(parseAddress(formatAddress(one))).toEqual(one);
        expect(fromBytes(toBytes(one))).toEqual(one);
        expect(parseCidr(formatCidr({ address: one, prefix }))).toEqual({ address: one, prefix });
        expect(contains({ address: one, prefix }, one)).toBe(true);
      }),
    );
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    'a.b.c.d',
    ':',
    '1::2::3',
    '1:2:3:4:5:6:7',
    'fe80::1%eth0',
    '::1.2.3',
    '12345::',
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it.each([
    ['FD00:0:0:0:0:0:0:1', 'fd00::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['fd00::', 'fd00::'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
  ])('%s is written %s', (text, written) => {
    expect(formatAddress(address(text))).toBe(written);
  });

  it('know the edges of their block', () => {
    expect([first(cidr('10.1.2.3/24')), last(cidr('10.1.2.3/24'))].map(formatAddress)).toEqual(['10.1.2.0', '10.1.2.255']);
    expect([first(cidr('1.2.3.4/0')), last(cidr('1.2.3.4/0'))].map(formatAddress)).toEqual(['0.0.0.0', '255.255.255.255']);
    expect([first(cidr('fd00::5/64')), last(cidr('fd00::5/64'))].map(formatAddress)).toEqual(['fd00::', 'fd00::ffff:ffff:ffff:ffff']);
    expect(overlaps(cidr('10.0.0.0/8'), cidr('10.255.0.0/16'))).toBe(true);
    expect(overlaps(cidr('10.0.0.0/9'), cidr('10.128.0.0/9'))).toBe(false);
    expect(overlaps(cidr('0.0.0.0/0'), cidr('::/0'))).toBe(false);
  });

  it('derive the MAC address as dockerd did', () => {
    expect(macOf(address('172.17.0.2'))).toBe('02:42:ac:11:00:02');
    expect(parseMac('02-42-AC-11-00-02')?.toString('hex')).toBe('0242ac110002');
    expect(parseMac('02:42:ac:11:00')).toBeUndefined();
  });
});

describe('default address pools', () => {
  it('are handed out in order, around what the host has', () => {
    const taken = [cidr('172.17.0.0/16'), cidr('172.18.5.0/24')];
    expect(formatCidr(known(firstFree(DEFAULT_POOLS, taken, 4)))).toBe('172.19.0.0/16');
  });

  it('end after 31 networks', () => {
    const taken: Cidr[] = [];
    for (let next = firstFree(DEFAULT_POOLS, taken, 4); next !== undefined; next = firstFree(DEFAULT_POOLS, taken, 4)) taken.push(next);
    expect(taken).toHaveLength(15 + 16);
    expect(formatCidr(known(taken.at(-1)))).toBe('192.168.240.0/20');
  });

  it('get a block of unique local addresses that stays the same, unless they have IPv6', () => {
    const pools = withUniqueLocal(DEFAULT_POOLS, () => 'an engine');
    const one = known(firstFree(pools, [], 6));
    expect(formatCidr(one)).toMatch(/^fd[0-9a-f]{2}(:[0-9a-f]{1,4}){0,2}::\/64$/);
    expect(
      firstFree(
        withUniqueLocal(DEFAULT_POOLS, () => 'an engine'),
        [],
        6,
      ),
    ).toEqual(one);
    expect(
      firstFree(
        withUniqueLocal(DEFAULT_POOLS, () => 'another'),
        [],
        6,
      ),
    ).not.toEqual(one);
    const two = known(firstFree(pools, [one], 6));
    expect(two.address.value - one.address.value).toBe(1n << 64n);
    const own = [...DEFAULT_POOLS, { base: cidr('fd12::/48'), size: 64 }];
    expect(withUniqueLocal(own, () => 'an engine')).toBe(own);
  });

  it('are not searched one by one behind what is in the way', () => {
    const wide = [{ base: cidr('fd00::/8'), size: 64 }];
    expect(formatCidr(known(firstFree(wide, [cidr('fd00::/9')], 6)))).toBe('fd80::/64');
    expect(firstFree([uniqueLocalPool('x')], [cidr('fc00::/7')], 6)).toBeUndefined();
  });
});

describe('address leases', () => {
  it('go round and never give an address twice, where one is to rest', () => {
    const leases = new AddressLeases(cidr('10.0.0.0/29'), undefined, [address('10.0.0.1')]);
    const all = Array.from({ length: 5 }, () => known(leases.take('next')));
    expect(all.map(formatAddress)).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
    expect(leases.take('next')).toBeUndefined();
    leases.release(known(all[0]));
    leases.release(known(all[3]));
    expect(formatAddress(known(leases.take('next')))).toBe('10.0.0.2');
    expect(formatAddress(known(leases.take('next')))).toBe('10.0.0.5');
  });

  it('do not give the address that was released last, where one is to rest', () => {
    const leases = new AddressLeases(cidr('10.0.0.0/24'), undefined, []);
    const one = known(leases.take('next'));
    leases.release(one);
    expect(leases.take('next')).not.toEqual(one);
  });

  describe('by the lowest that is free', () => {
    let now = 0;
    const small = (): AddressLeases => new AddressLeases(cidr('10.0.0.0/29'), undefined, [address('10.0.0.1')], () => now);
    const takes = (leases: AddressLeases, holder?: string): string => formatAddress(known(leases.take('lowest', holder)));

    it('give what was released a while ago, and not a moment ago', () => {
      const leases = small();
      const [one, two] = [takes(leases), takes(leases)];
      expect([one, two, takes(leases)]).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4']);
      leases.release(address(two));
      now += 10;
      expect(takes(leases)).toBe('10.0.0.5');
      leases.release(address(one));
      now += 20;
      expect(takes(leases)).toBe('10.0.0.3');
      now += 10;
      expect(takes(leases)).toBe('10.0.0.2');
    });

    it('give it back at once to who had it', () => {
      const leases = small();
      takes(leases, 'a');
      leases.release(address('10.0.0.2'), 'a');
      expect([takes(leases, 'b'), takes(leases, 'a')]).toEqual(['10.0.0.3', '10.0.0.2']);
    });

    it('give the one that was released first where all are resting, and none where none is free', () => {
      const leases = small();
      const all = Array.from({ length: 5 }, () => takes(leases));
      expect(leases.take('lowest')).toBeUndefined();
      for (const text of ['10.0.0.5', '10.0.0.3']) leases.release(address(text));
      expect([takes(leases), takes(leases)]).toEqual(['10.0.0.5', '10.0.0.3']);
      expect(leases.take('lowest')).toBeUndefined();
      expect(all).toHaveLength(5);
    });

    it('stay within the range, whatever was asked for outside of it', () => {
      const leases = new AddressLeases(cidr('10.0.0.0/24'), cidr('10.0.0.128/31'), [], () => now);
      leases.takeExactly(address('10.0.0.9'));
      leases.release(address('10.0.0.9'));
      expect([takes(leases), takes(leases)]).toEqual(['10.0.0.128', '10.0.0.129']);
      expect(leases.take('lowest')).toBeUndefined();
    });
  });

  it('stay within the range, but grant any wish in the subnet', () => {
    const leases = new AddressLeases(cidr('10.0.0.0/24'), cidr('10.0.0.128/30'), [address('10.0.0.1')]);
    expect(formatAddress(known(leases.take('next')))).toBe('10.0.0.128');
    expect(['10.0.0.9', '10.0.0.9', '10.0.0.1', '10.0.1.1', '10.0.0.255'].map((text) => leases.takeExactly(address(text)))).toEqual([
      'taken',
      'in use',
      'in use',
      'outside',
      'outside',
    ]);
  });

  it("leave out the routers' anycast address of IPv6, and nothing at the end", () => {
    const leases = new AddressLeases(cidr('fd00::/126'), undefined, [address('fd00::1')]);
    expect([leases.take('next'), leases.take('next')].map((one) => formatAddress(known(one)))).toEqual(['fd00::2', 'fd00::3']);
    expect(leases.take('next')).toBeUndefined();
    expect([leases.takeExactly(address('fd00::')), leases.takeExactly(address('10.0.0.1'))]).toEqual(['outside', 'outside']);
  });

  it('end also in a subnet of more addresses than anybody counts', () => {
    const leases = new AddressLeases(cidr('fd00::/64'), undefined, []);
    leases.restore(address('fd00::ffff:ffff:ffff:fffe'));
    expect([leases.take('next'), leases.take('next')].map((one) => formatAddress(known(one)))).toEqual([
      'fd00::ffff:ffff:ffff:ffff',
      'fd00::1',
    ]);
  });
});
