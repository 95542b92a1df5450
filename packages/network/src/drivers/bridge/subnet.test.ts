import { parseCidr } from '../../address/cidr';
import { DEFAULT_POOLS } from '../../address/pools';
import type { NetworkWish, PoolWish } from '../driver';
import { choosePool } from './subnet';

const pool = (change: Partial<PoolWish>): PoolWish => ({ subnet: '10.6.0.0/24', gateway: '', ipRange: '', auxAddresses: {}, ...change });
const wish = (...pools: PoolWish[]): NetworkWish => ({
  id: 'n1',
  name: 'n',
  internal: false,
  predefined: false,
  options: {},
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
  expect(() => choosePool(wish(wanted), around)).toThrow(`invalid network config:\n${fault}`);
});

test('all that is wrong is told at once', () => {
  const wanted = [pool({ gateway: 'fd00::1', ipRange: 'fd00::/80' }), pool({ subnet: '' })];
  expect(() => choosePool(wish(...wanted), around)).toThrow(
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
  [[pool({}), pool({ subnet: '10.7.0.0/24' })], "bridge driver doesn't support multiple subnets"],
  [[pool({ gateway: '10.6.0.0' })], 'failed to allocate gateway (10.6.0.0): Address already in use'],
  [
    [pool({ gateway: '10.6.0.5', auxAddresses: { b: '10.6.0.5' } })],
    'failed to allocate secondary ip address (b:10.6.0.5): Address already in use',
  ],
])('%j cannot be given', (pools, message) => {
  expect(() => choosePool(wish(...pools), around)).toThrow(message);
});

test('a gateway that nobody asked for is known as one', () => {
  expect(choosePool(wish(pool({})), around)).toMatchObject({ gateway: '10.6.0.1', configured: true, gatewayChosen: true });
  expect(choosePool(wish(pool({ gateway: '10.6.0.9' })), around)).not.toHaveProperty('gatewayChosen');
  expect(choosePool(wish(), around)).toEqual({
    subnet: '172.17.0.0/16',
    gateway: '172.17.0.1',
    ipRange: '',
    auxAddresses: {},
    configured: false,
  });
});
