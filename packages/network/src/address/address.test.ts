import fc from 'fast-check';
import { contains, first, formatAddress, formatCidr, last, macOf, overlaps, parseAddress, parseCidr, parseMac } from './cidr';
import { AddressLeases } from './leases';
import { DEFAULT_POOLS, firstFree } from './pools';

const cidr = (text: string) => parseCidr(text) ?? { address: 0, prefix: 0 };

describe('IPv4 addresses', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }), (address, prefix) => {
        expect(parseAddress(formatAddress(address))).toBe(address);
        expect(parseCidr(formatCidr({ address, prefix }))).toEqual({ address, prefix });
        expect(contains({ address, prefix }, address)).toBe(true);
      }),
    );
  });

  it.each(['', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', 'a.b.c.d', '::1'])('refuses %j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('knows the edges of a block', () => {
    expect([first(cidr('10.1.2.3/24')), last(cidr('10.1.2.3/24'))].map(formatAddress)).toEqual(['10.1.2.0', '10.1.2.255']);
    expect([first(cidr('1.2.3.4/0')), last(cidr('1.2.3.4/0'))].map(formatAddress)).toEqual(['0.0.0.0', '255.255.255.255']);
    expect(overlaps(cidr('10.0.0.0/8'), cidr('10.255.0.0/16'))).toBe(true);
    expect(overlaps(cidr('10.0.0.0/9'), cidr('10.128.0.0/9'))).toBe(false);
  });

  it('derives the MAC address as dockerd does', () => {
    expect(macOf(parseAddress('172.17.0.2') ?? 0)).toBe('02:42:ac:11:00:02');
    expect(parseMac('02-42-AC-11-00-02')?.toString('hex')).toBe('0242ac110002');
    expect(parseMac('02:42:ac:11:00')).toBeUndefined();
  });
});

describe('default address pools', () => {
  it('are handed out in order, around what the host has', () => {
    const taken = [cidr('172.17.0.0/16'), cidr('172.18.5.0/24')];
    expect(formatCidr(firstFree(DEFAULT_POOLS, taken) ?? cidr('0.0.0.0/0'))).toBe('172.19.0.0/16');
  });

  it('end after 31 networks', () => {
    const taken: ReturnType<typeof cidr>[] = [];
    for (let next = firstFree(DEFAULT_POOLS, taken); next !== undefined; next = firstFree(DEFAULT_POOLS, taken)) taken.push(next);
    expect(taken).toHaveLength(15 + 16);
    expect(formatCidr(taken.at(-1) ?? cidr('0.0.0.0/0'))).toBe('192.168.240.0/20');
  });
});

describe('address leases', () => {
  it('go round and never give an address twice', () => {
    const leases = new AddressLeases(cidr('10.0.0.0/29'), undefined, new Set([parseAddress('10.0.0.1') ?? 0]));
    const all = Array.from({ length: 5 }, () => leases.take() ?? 0);
    expect(all.map(formatAddress)).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
    expect(leases.take()).toBeUndefined();
    leases.release(all[0] ?? 0);
    leases.release(all[3] ?? 0);
    expect(formatAddress(leases.take() ?? 0)).toBe('10.0.0.2');
    expect(formatAddress(leases.take() ?? 0)).toBe('10.0.0.5');
  });

  it('do not give the address that was released last', () => {
    const leases = new AddressLeases(cidr('10.0.0.0/24'), undefined, new Set());
    const address = leases.take() ?? 0;
    leases.release(address);
    expect(leases.take()).not.toBe(address);
  });

  it('stay within the range, but grant any wish in the subnet', () => {
    const leases = new AddressLeases(cidr('10.0.0.0/24'), cidr('10.0.0.128/30'), new Set([parseAddress('10.0.0.1') ?? 0]));
    expect(formatAddress(leases.take() ?? 0)).toBe('10.0.0.128');
    expect(
      ['10.0.0.9', '10.0.0.9', '10.0.0.1', '10.0.1.1', '10.0.0.255'].map((text) => leases.takeExactly(parseAddress(text) ?? 0)),
    ).toEqual(['taken', 'in use', 'in use', 'outside', 'outside']);
  });
});
