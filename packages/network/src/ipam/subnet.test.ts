import { parseCidr } from '../address/cidr';
import type { PoolRecord } from '../store/record';
import { DEFAULT_POOLS, withUniqueLocal } from '../address/pools';
import type { NetworkWish, PoolWish } from '../drivers/driver';
import { choosePools as choose, type Surroundings } from './subnet';

const choosePools = (wanted: NetworkWish, surroundings: Surroundings): readonly PoolRecord[] =>
  choose(wanted, surroundings, { gateway: { 4: true, 6: true } });

const pool = (change: Partial<PoolWish>): PoolWish => ({ subnet: '10.6.0.0/24', gateway: '', ipRange: '', auxAddresses: {}, ...change });
const wish = (...pools: PoolWish[]): NetworkWish => ({
  id: 'n1',
  name: 'n',
  internal: false,
  enableIpv4: true,
  enableIpv6: false,
  predefined: false,
  options: {},
  ipamDriver: '',
  ipamOptions: { kept: 'as it is' },
  pools,
});
const taken = parseCidr('10.5.0.0/24');
const around = { networks: taken === undefined ? [] : [{ name: 'other', subnet: taken }], routes: [], pools: DEFAULT_POOLS };

test.each([
  [pool({ subnet: '' }), 'invalid subnet : invalid CIDR block notation'],
  [pool({ subnet: '10.06.0.0/24' }), 'invalid subnet 10.06.0.0/24: invalid CIDR block notation'],
  [pool({ subnet: '10.6.0.1/24' }), 'invalid subnet 10.6.0.1/24: it should be 10.6.0.0/24'],
  [pool({ gateway: '10.7.0.1' }), "invalid gateway 10.7.0.1: parent subnet 10.6.0.0/24 doesn't contain this address"],
  [pool({ gateway: '10.6.0.1/24' }), 'invalid gateway 10.6.0.1/24: invalid address'],
  [pool({ ipRange: '10.6.0.0/20' }), 'invalid ip-range 10.6.0.0/20: CIDR block is bigger than its parent subnet 10.6.0.0/24'],
  [pool({ ipRange: '10.6.0.1/25' }), 'invalid ip-range 10.6.0.1/25: it should be 10.6.0.0/25'],
  [pool({ ipRange: '10.7.0.0/25' }), "invalid ip-range 10.7.0.0/25: parent subnet 10.6.0.0/24 doesn't contain ip-range"],
  [pool({ ipRange: 'x' }), 'invalid ip-range x: invalid CIDR block notation'],
  [pool({ auxAddresses: { a: 'x' } }), 'invalid auxiliary address a: invalid address'],
])('%j is refused', (wanted, fault) => {
  expect(() => choosePools(wish(wanted), around)).toThrow(`invalid network config:\n${fault}`);
});

test('all that is wrong is told at once', () => {
  const wanted = [pool({ gateway: 'fd00::1', ipRange: 'fd00::/80' }), pool({ subnet: '' })];
  expect(() => choosePools(wish(...wanted), around)).toThrow(
    [
      'invalid network config:',
      '* invalid ip-range fd00::/80: parent subnet is an IPv4 block',
      '* invalid gateway fd00::1: parent subnet is an IPv4 block',
      '* invalid subnet : invalid CIDR block notation',
    ].join('\n'),
  );
});

test.each([
  [[pool({ subnet: '10.5.0.0/25' })], 'invalid pool request: Pool overlaps with other one on this address space'],
  [[pool({}), pool({ subnet: '10.6.0.0/25' })], 'invalid pool request: Pool overlaps with other one on this address space'],
  [[pool({ gateway: '10.6.0.0' })], 'failed to allocate gateway (10.6.0.0): Address already in use'],
  [
    [pool({ gateway: '10.6.0.5', auxAddresses: { b: '10.6.0.5' } })],
    'failed to allocate secondary ip address (b:10.6.0.5): Address already in use',
  ],
])('%j cannot be given', (pools, message) => {
  expect(() => choosePools(wish(...pools), around)).toThrow(message);
});

test('a gateway that nobody asked for is known as one', () => {
  expect(choosePools(wish(pool({})), around)).toMatchObject([{ gateway: '10.6.0.1', configured: true, gatewayChosen: true }]);
  expect(choosePools(wish(pool({ gateway: '10.6.0.9' })), around)[0]).not.toHaveProperty('gatewayChosen');
  expect(choosePools(wish(), around)).toEqual([
    { subnet: '172.17.0.0/16', gateway: '172.17.0.1', ipRange: '', auxAddresses: {}, configured: false },
  ]);
});

describe('IPv6', () => {
  const dual = (...pools: PoolWish[]): NetworkWish => ({ ...wish(...pools), enableIpv6: true });
  const ula = { ...around, pools: withUniqueLocal(DEFAULT_POOLS, () => 'an engine') };

  test.each([
    [pool({ subnet: 'fd00::1/64' }), 'invalid subnet fd00::1/64: it should be fd00::/64'],
    [pool({ subnet: 'fd00::/64', gateway: '10.6.0.1' }), 'invalid gateway 10.6.0.1: parent subnet is an IPv6 block'],
    [pool({ subnet: 'fd00::/64', gateway: 'fd01::1' }), "invalid gateway fd01::1: parent subnet fd00::/64 doesn't contain this address"],
    [
      pool({ subnet: 'fd00::/64', ipRange: 'fd00::/48' }),
      'invalid ip-range fd00::/48: CIDR block is bigger than its parent subnet fd00::/64',
    ],
  ])('%j is refused', (wanted, fault) => {
    expect(() => choosePools(dual(wanted), ula)).toThrow(`invalid network config:\n${fault}`);
  });

  test.each([
    [pool({ subnet: 'fd00::/128' }), 'has no addresses to give'],
    [pool({ subnet: '::ffff:1.2.3.0/120' }), 'is of IPv4 addresses'],
    [pool({ subnet: 'fd00::/64', gateway: 'fd00::' }), 'failed to allocate gateway (fd00::): Address already in use'],
  ])('%j cannot be given', (wanted, message) => {
    expect(() => choosePools(dual(wanted), ula)).toThrow(message);
  });

  test('a family without a wish is given the first free subnet of its pools', () => {
    const [ipv4, ipv6] = choosePools(dual(pool({ subnet: 'fd00::/64', ipRange: 'fd00::100/120', auxAddresses: { a: 'fd00::100' } })), ula);
    expect(ipv4).toMatchObject({ subnet: '172.17.0.0/16', configured: false });
    expect(ipv6).toMatchObject({ subnet: 'fd00::/64', gateway: 'fd00::101', configured: true, gatewayChosen: true });
    const [, chosen] = choosePools(dual(), ula);
    expect(chosen?.subnet).toMatch(/^fd.*::\/64$/);
    expect(chosen?.gateway).toBe(chosen?.subnet.replace('/64', '1'));
    expect(choosePools({ ...dual(), enableIpv4: false }, ula)).toEqual([chosen]);
  });
});
