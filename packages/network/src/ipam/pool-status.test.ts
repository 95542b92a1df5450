import { poolStatus } from './pool-status';

const pool = (subnet: string, more: object = {}) => ({ subnet, gateway: '', ipRange: '', auxAddresses: {}, configured: true, ...more });
const at = (address: string, ipv6?: string) => ({
  address,
  ...(ipv6 === undefined ? {} : { ipv6: { address: ipv6, prefix: 64, gateway: '' } }),
});

test.each([
  // network, broadcast and gateway
  [pool('10.1.0.0/16', { gateway: '10.1.0.1' }), [], 3n, 65_533n],
  [pool('10.1.0.0/24', { gateway: '10.1.0.1', auxAddresses: { a: '10.1.0.9' } }), [at('10.1.0.2'), at('10.1.0.9')], 5n, 251n],
  // one that is not in the range was asked for by its address
  [pool('10.1.0.0/24', { gateway: '10.1.0.1', ipRange: '10.1.0.128/25' }), [at('10.1.0.2'), at('10.1.0.129')], 5n, 126n],
  [pool('10.1.0.0/31'), [at('10.1.0.0')], 1n, 1n],
  // another family's address is not of it
  [pool('fd00::/96', { gateway: 'fd00::1' }), [at('10.1.0.2', 'fd00::2')], 3n, 4_294_967_293n],
  [pool('fd00::/48'), [], 1n, 2n ** 64n - 1n],
])('%j with %j: %d in use, %d left', (given, endpoints, inUse, available) => {
  expect(poolStatus(given, endpoints)).toEqual({ inUse, available });
});

test('nothing is handed out of a pool of everything', () => {
  expect(poolStatus(pool('0.0.0.0/0'), [])).toBeUndefined();
});
