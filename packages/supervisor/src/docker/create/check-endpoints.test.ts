import { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import { Network } from '@gantry/api/gantry/network/v1/network';
import { notFound } from '@gantry/rpc';
import { checkEndpoints } from './check-endpoints';

const networks: Readonly<Record<string, Network>> = {
  bridge: Network.fromPartial({ name: 'bridge', pools: [{ subnet: '172.17.0.0/16' }] }),
  lan: Network.fromPartial({ name: 'lan', pools: [{ subnet: '10.8.0.0/24', configured: true }] }),
  half: Network.fromPartial({ name: 'half', pools: [{ subnet: '10.9.0.0/24', ipRange: '10.9.0.128/25', configured: true }] }),
};
const find = (ref: string): Promise<Network> => {
  const found = networks[ref];
  return found === undefined ? Promise.reject(notFound(`network ${ref} not found`)) : Promise.resolve(found);
};
const at = (IPv4Address: string): object => ({ IPAMConfig: { IPv4Address } });
const check = (endpoints: Record<string, object>): Promise<void> =>
  checkEndpoints(
    Object.fromEntries(Object.entries(endpoints).map(([name, settings]) => [name, EndpointSettings.fromPartial(settings)])),
    find,
  );

const ONLY_USERS = 'user specified IP address is supported on user defined networks only';
const CONFIGURED = 'user specified IP address is supported only when connecting to networks with user configured subnets';
const ALIAS = 'network-scoped alias is supported only for containers in user defined networks';

test.each([
  [{ lan: at('10.9.9.9') }, 'network lan: invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.9.9.9'],
  [{ half: at('10.9.1.9') }, 'network half: invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.9.1.9'],
  [{ later: at('x') }, 'network later: invalid endpoint settings:\ninvalid IPv4 address: x'],
  [{ lan: { IPAMConfig: { IPv6Address: 'fd00::1' } } }, `network lan: invalid endpoint settings:\n${CONFIGURED}`],
  ...['::ffff:10.8.0.9', '::ffff:a08:9', '0:0:0:0:0:0:0:0', '10.8.0.9'].map((address): [Record<string, object>, string] => [
    { later: { IPAMConfig: { IPv6Address: address } } },
    `network later: invalid endpoint settings:\ninvalid IPv6 address: ${address}`,
  ]),
  [{ later: at('0.0.0.0') }, 'network later: invalid endpoint settings:\ninvalid IPv4 address: 0.0.0.0'],
  [{ lan: { IPAMConfig: { LinkLocalIPs: ['x'] } } }, 'network lan: invalid endpoint settings:\ninvalid link-local IP address: x'],
  [
    { lan: { DriverOpts: { 'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.forwarding=1,net.ipv4.ip_forward=1' } } },
    `network lan: invalid endpoint settings:\nunrecognised network interface sysctl 'net.ipv4.ip_forward=1'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
  ],
  [{ lan: { MacAddress: 'bad' } }, 'network lan: invalid MAC address bad'],
  [
    { bridge: { ...at('172.17.0.9'), Aliases: ['a'] } },
    `network bridge: invalid endpoint settings:\n* ${ONLY_USERS}\n* ${ALIAS}\n* ${CONFIGURED}`,
  ],
])('%j is refused', async (endpoints, message) => {
  await expect(check(endpoints)).rejects.toMatchObject({ kind: 'invalidArgument', message: `invalid config for ${message}` });
});

test('what is wrong on several networks is told at once', async () => {
  await expect(check({ lan: at('10.9.9.9'), bridge: { Aliases: ['a'] } })).rejects.toThrow(
    [
      '* invalid config for network lan: invalid endpoint settings:',
      '\tno configured subnet or ip-range contain the IP address 10.9.9.9',
      '* invalid config for network bridge: invalid endpoint settings:',
      `\t${ALIAS}`,
    ].join('\n'),
  );
});

test('what a start can honour passes, and a network may come later', async () => {
  await check({ lan: { ...at('10.8.0.9'), MacAddress: '02:00:00:00:00:01' }, half: at('10.9.0.130'), later: at('10.1.1.1'), bridge: {} });
});

test('an address may be asked for outside of the range that others are chosen from', async () => {
  await expect(check({ half: at('10.9.0.9') })).resolves.toBeUndefined();
});
