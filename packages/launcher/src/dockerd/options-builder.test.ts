import { makePlan } from './make-plan';
import type { Plan } from './plan';
import type { Value } from './values';

const planOf = (keys: Record<string, Value>): Plan =>
  makePlan({ flags: new Map(), keys: new Map(Object.entries(keys)), certificates: '/c' });

test("the builder's part of daemon.json, with names in any case", () => {
  const { build } = planOf({
    builder: {
      GC: {
        enabled: true,
        defaultKeepStorage: '10GB',
        policy: [
          { maxUsedSpace: '512MB', keepDuration: '48h', filter: ['type=source.local', 'unused-for=3h', 'id==x'] },
          { KeepStorage: '50GB', minFreeSpace: '20%', all: true },
        ],
      },
      entitlements: { 'network-host': false, 'security-insecure': true },
      history: { maxAge: '24h', maxEntries: 7 },
    },
  }).services;
  expect(build).toMatchObject({
    gc: {
      enabled: true,
      'reserved-space': '10GB',
      policy: [
        { filter: ['type==source.local', 'unused-for==3h', 'id==x'], 'keep-duration': '48h', 'max-used-space': '512MB' },
        { all: true, 'reserved-space': '50GB', 'min-free-space': '20%' },
      ],
    },
    'insecure-entitlements': ['security.insecure'],
    history: { 'max-age': '24h', 'max-entries': 7 },
  });
});

test('host network is allowed unless it is taken away', () => {
  expect(planOf({ builder: { entitlements: {} } }).services.build).toMatchObject({ 'insecure-entitlements': ['network.host'] });
});

test.each([
  [{ gcc: {} }, 'unknown key in "builder": "gcc"'],
  [{ gc: { policy: [{ keep: '1' }] } }, 'unknown key in "builder".gc.policy[0]: "keep"'],
  [{ gc: { enabled: 'yes' } }, 'invalid value for "builder".gc.enabled: it must be true or false'],
  [{ history: { maxEntries: 'x' } }, 'invalid value for "builder".history.maxEntries: it must be a whole number'],
])('%j is refused', (builder, message) => {
  expect(() => planOf({ builder })).toThrow(message);
});

test('what the engine’s containers have, steps of builds have, too', () => {
  const { build } = planOf({
    dns: ['192.0.2.1'],
    'dns-search': ['a.b'],
    'host-gateway-ip': ['192.0.2.2', 'fd00::2'],
    'cgroup-parent': '/x',
    'default-cgroupns-mode': 'private',
    'registry-mirrors': ['http://127.0.0.1:5000'],
    'insecure-registries': ['r:5'],
    proxies: { 'http-proxy': 'http://p' },
    'storage-driver': 'vfs',
  }).services;
  expect(build).toMatchObject({
    namespace: 'moby',
    dns: ['192.0.2.1'],
    'dns-search': ['a.b'],
    'host-gateway-ip': ['192.0.2.2', 'fd00::2'],
    'cgroup-parent': '/x',
    'default-cgroupns-mode': 'private',
    'registry-mirrors': ['http://127.0.0.1:5000'],
    'insecure-registries': ['r:5'],
    proxies: { 'http-proxy': 'http://p' },
    snapshotter: 'copy',
  });
});

test('a file of resolvers in place of the host’s is that of all who read it', () => {
  const { services } = makePlan({ flags: new Map(), keys: new Map(), certificates: '/c', resolvConf: '/r' });
  expect([services.supervisor['resolv-conf'], services.network['resolv-conf'], services.build['resolv-conf']]).toEqual(['/r', '/r', '/r']);
  expect(planOf({}).services.network).not.toHaveProperty('resolv-conf');
});

test('no default bridge is Docker’s word none; any other is a device of the host’s', () => {
  const { network, supervisor, build } = planOf({ bridge: 'none' }).services;
  const without = [supervisor['default-bridge'], build['default-bridge']];
  expect([network['bridge'], ...without]).toEqual([expect.objectContaining({ disabled: true }), false, false]);
  expect(planOf({ bridge: 'br0' }).services.network['bridge']).toMatchObject({ name: 'br0', foreign: true, shared: '' });
});

test.each([
  [['fd00::1', '192.0.2.1', 'fd00::2'], 'only one IPv6 host gateway IP address can be specified'],
  [['x'], '"host-gateway-ip" "x" is no IP address'],
])('host-gateway-ip %j is refused', (addresses, message) => {
  expect(() => planOf({ 'host-gateway-ip': addresses })).toThrow(message);
});
