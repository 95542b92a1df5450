import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { driverContract } from './testing/driver-contract';
import { networkDefaults } from './config';
import { TestEtcd, whatOverlaysLack } from './testing/etcd';
import type { TestHost } from './testing/host';
import { TestPlugin } from '@gantry/service/plugins/testing';

/** A real kernel in a namespace of its own: needs root. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

/** A network of the outside, that links of the host may be on top of. */
const withLan = (host: TestHost): Promise<object> => {
  host.ip('link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1');
  for (const name of ['lan0', 'lan1']) host.ip('link', 'set', name, 'up');
  return Promise.resolve({});
};

const INVALID = {
  options: { 'com.docker.network.bridge.enable_icc': 'what' },
  message: 'failed to parse com.docker.network.bridge.enable_icc value: what (strconv.ParseBool: parsing "what": invalid syntax)',
};

asRoot('driver bridge', () =>
  driverContract({ name: 'bridge', create: {}, gives: 'interface', macs: true, publishes: true, wrong: INVALID }),
);

asRoot('driver host', () => driverContract({ name: 'host', predefined: 'host', gives: 'nothing' }));

asRoot('driver null', () => driverContract({ name: 'null', predefined: 'none', gives: 'loopback' }));

const MACVLAN = { name: 'macvlan', gives: 'interface', macs: true, severalSubnets: true } as const;
const MODE = {
  options: { macvlan_mode: 'what' },
  message: "requested macvlan mode 'what' is not valid, 'bridge' mode is the macvlan driver default",
};

asRoot('driver macvlan on a parent', () =>
  driverContract({ ...MACVLAN, prepare: withLan, create: { options: { parent: 'lan0' } }, wrong: MODE }),
);

asRoot('driver macvlan without a parent', () => driverContract({ ...MACVLAN, create: {}, wrong: MODE }));

const lacking = whatOverlaysLack();
if (lacking !== undefined) process.stderr.write(`skipped: networks of several engines, for lack of ${lacking}\n`);

(lacking === undefined ? describe : describe.skip)('driver overlay', () =>
  driverContract({
    name: 'overlay',
    create: {},
    gives: 'interface',
    macs: true,
    publishes: true,
    scope: 'global',
    wrong: { options: { encrypted: 'what' }, message: 'option encrypted: "what" is neither true nor false' },
    prepare: async (host) => {
      await withLan(host);
      host.ip('addr', 'add', '192.0.2.1/24', 'dev', 'lan0');
      const etcd = new TestEtcd(host, '192.0.2.1');
      await etcd.start();
      return { overlay: { ...networkDefaults.overlay, endpoints: [etcd.endpoint] } };
    },
  }),
);

/** A plugin whose links are on a bridge of its own. */
function bridgingPlugin(host: TestHost): TestPlugin {
  let count = 0;
  const inner = new Map<unknown, { readonly name: string; readonly gateway: string }>();
  const outer = (endpoint: unknown): string => `out-${inner.get(endpoint)?.name}`;
  return new TestPlugin({
    'Plugin.Activate': { Implements: ['NetworkDriver'] },
    'NetworkDriver.GetCapabilities': { Scope: 'local' },
    'NetworkDriver.CreateNetwork': () => {
      if (!host.ip('-br', 'link').includes('plugged')) host.ip('link', 'add', 'plugged', 'type', 'bridge');
      host.ip('link', 'set', 'plugged', 'up');
      return {};
    },
    'NetworkDriver.DeleteNetwork': () => (host.ip('link', 'del', 'plugged'), {}),
    'NetworkDriver.CreateEndpoint': ({ EndpointID, Interface }) => {
      const { Address } = Interface as { readonly Address: string };
      inner.set(EndpointID, { name: `in${++count}`, gateway: Address.replace(/\d+\/24$/, '254') });
      return {};
    },
    'NetworkDriver.Join': ({ EndpointID }) => {
      const { name, gateway } = inner.get(EndpointID) ?? { name: '', gateway: '' };
      host.ip('link', 'add', `out-${name}`, 'type', 'veth', 'peer', 'name', name);
      host.ip('link', 'set', `out-${name}`, 'up', 'master', 'plugged');
      return { InterfaceName: { SrcName: name, DstPrefix: 'eth' }, Gateway: gateway };
    },
    'NetworkDriver.Leave': {},
    'NetworkDriver.DeleteEndpoint': ({ EndpointID }) => {
      if (host.ip('-br', 'link').includes(outer(EndpointID))) host.ip('link', 'del', outer(EndpointID));
      return {};
    },
    'NetworkDriver.ProgramExternalConnectivity': {},
    'NetworkDriver.EndpointOperInfo': {
      Value: { 'com.docker.network.portmap': [{ Proto: 6, IP: '10.83.0.1', Port: 80, HostIP: '0.0.0.0', HostPort: 8080 }] },
    },
    'NetworkDriver.RevokeExternalConnectivity': {},
  });
}

asRoot('driver of a plugin', () => {
  let plugin: TestPlugin;
  driverContract({
    name: 'plugged',
    create: {},
    gives: 'interface',
    publishes: true,
    severalSubnets: true,
    prepare: async (host) => {
      const sockets = join(host.directory, 'plugins');
      mkdirSync(sockets);
      plugin = bridgingPlugin(host);
      await plugin.listen(join(sockets, 'plugged.sock'));
      return { plugins: { sockets, specs: [] } };
    },
    ended: () => plugin.close(),
  });
});
