import { parseAddress } from './address/cidr';
import { EncryptionKernel, tagOf } from './drivers/overlay/encryption/kernel';
import { OwnTable } from './firewall/own-table';
import { LinuxKernel } from './kernel/linux-kernel';
import { createVxlan } from './link/vxlan';
import { NetlinkConnection } from './netlink/connection';
import { Capture } from './testing/capture';
import { whatGuardsLack } from './testing/esp';
import { runProgram, TestHost, type TestSandbox } from './testing/host';
import { plainPacket } from './testing/inject';

const lacking = whatGuardsLack();
if (lacking !== undefined) process.stderr.write(`skipped: guards of encrypted networks, for lack of ${lacking}\n`);

const VNI = 4097;
const PORT = 4789;
const MAC = { host: '02:00:00:00:00:01', peer: '02:00:00:00:00:02' } as const;

/** A host with a link of VXLAN to a neighbour, which speaks in the clear: what guards an encrypted network without any key. */
describe.each([
  [4, '192.0.2.1', '192.0.2.2'],
  [6, '2001:db8::1', '2001:db8::2'],
] as const)('what has no keys, over IPv%i', (family, own, other) => {
  let host: TestHost;
  let peer: TestSandbox;
  let capture: Capture;
  let connections: NetlinkConnection[];
  let policies: EncryptionKernel;
  let table: OwnTable;

  const setUp = async (): Promise<void> => {
    host = new TestHost();
    peer = await host.neighbour('wire0', '198.51.100.2', '198.51.100.1');
    const bits = family === 4 ? 24 : 64;
    host.ip('addr', 'add', `${own}/${bits}`, 'dev', 'wire0', ...(family === 6 ? ['nodad'] : []));
    await peer.run('ip', 'addr', 'add', `${other}/${bits}`, 'dev', 'eth0', ...(family === 6 ? ['nodad'] : []));
    const kernel = new LinuxKernel();
    connections = [new NetlinkConnection(kernel.netlink('route')), new NetlinkConnection(kernel.netlink('netfilter'))];
    const [route, netfilter] = connections as [NetlinkConnection, NetlinkConnection];
    policies = new EncryptionKernel(() => new NetlinkConnection(kernel.netlink('xfrm')), PORT);
    table = new OwnTable(netfilter, { table: 'gantry', markBit: 0 });
    await table.install();
    const local = parseAddress(own);
    if (local === undefined) throw new Error(own);
    await route.request([createVxlan({ name: 'vx', vni: VNI, local, port: PORT, sourcePort: 61_441, mtu: 1300 })]);
    const [id, at] = [
      ['id', String(VNI)],
      ['dstport', String(PORT)],
    ];
    await peer.run('ip', 'link', 'add', 'vx', 'address', MAC.peer, 'type', 'vxlan', ...id, ...at, 'local', other);
    host.ip('link', 'set', 'vx', 'address', MAC.host);
    host.ip('addr', 'add', '10.9.0.1/24', 'dev', 'vx');
    host.ip('link', 'set', 'vx', 'up');
    host.ip('neigh', 'add', '10.9.0.2', 'lladdr', MAC.peer, 'dev', 'vx');
    await peer.run('ip', 'addr', 'add', '10.9.0.2/24', 'dev', 'vx');
    await peer.run('ip', 'link', 'set', 'vx', 'up', 'mtu', '1300');
    await peer.run('ip', 'neigh', 'add', '10.9.0.1', 'lladdr', MAC.host, 'dev', 'vx');
    await peer.run('bridge', 'fdb', 'add', MAC.host, 'dev', 'vx', 'dst', own);
    await runProgram('bridge', 'fdb', 'add', MAC.peer, 'dev', 'vx', 'dst', other);
    capture = new Capture();
  };

  beforeEach(() => (lacking === undefined ? setUp() : undefined));
  afterEach(async () => {
    if (lacking !== undefined) return;
    capture.close();
    policies.close();
    for (const connection of connections) connection.close();
    await host.close();
  });

  /** Whether a packet of the link was on the wire in the clear when it was to be sent. */
  const leaves = async (): Promise<boolean> => {
    capture.take();
    await runProgram('busybox', 'ping', '-c1', '-W1', '10.9.0.2').catch(() => undefined);
    return capture.take().some(({ port, vni }) => port === PORT && vni === VNI);
  };
  const received = (): number => {
    const [link] = JSON.parse(host.ip('-s', '-j', 'link', 'show', 'vx')) as {
      readonly stats64: { readonly rx: { readonly packets: number } };
    }[];
    return link?.stats64.rx.packets ?? 0;
  };
  /** Whether a datagram of the neighbour's, of any size, comes out of the link. */
  const comesIn = async (size: number): Promise<boolean> => {
    const packet = plainPacket(VNI, { mac: MAC.host, address: '10.9.0.1' }, 'x'.repeat(size)).toString('hex');
    const before = received();
    const send = `require('dgram').createSocket('udp${family}').send(Buffer.from('${packet}', 'hex'), ${PORT}, '${own}', () => process.exit())`;
    await peer.run(process.execPath, '-e', send);
    await peer.run('busybox', 'ping', '-c1', '-W1', ...(family === 6 ? ['-6'] : []), own); // what was sent before it has come
    return received() > before;
  };
  const test = lacking === undefined ? it : it.skip;

  test('leaves in the clear by no way, whichever of its guards somebody takes away', async () => {
    expect(await leaves()).toBe(true); // the proof works
    expect(await policies.block(VNI, family)).toBe(61_441);
    expect(await leaves()).toBe(false);
    host.ip('xfrm', 'policy', 'flush');
    expect(await leaves()).toBe(true);
    await table.addEncrypted({ vni: VNI, tag: tagOf(VNI), port: PORT, family });
    expect(await leaves()).toBe(false);
    await policies.block(VNI, family);
    host.nft('flush', 'ruleset');
    expect(await leaves()).toBe(false);
    await table.install();
    await table.removeEncrypted(VNI);
    const { states, policies: known } = await policies.part(VNI);
    await policies.remove(states, known);
    expect(host.ip('xfrm', 'policy')).toBe('');
    expect(await leaves()).toBe(true);
  }, 60_000);

  test('comes in by no way, in pieces neither, and others beside it do', async () => {
    for (const size of [10, 3000]) expect([size, await comesIn(size)]).toEqual([size, true]);
    await table.addEncrypted({ vni: VNI + 1, tag: tagOf(VNI + 1), port: PORT, family });
    for (const size of [10, 3000]) expect([size, await comesIn(size)]).toEqual([size, true]);
    await table.addEncrypted({ vni: VNI, tag: tagOf(VNI), port: PORT, family });
    for (const size of [10, 3000]) expect([size, await comesIn(size)]).toEqual([size, false]);
    await table.removeEncrypted(VNI);
    for (const size of [10, 3000]) expect([size, await comesIn(size)]).toEqual([size, true]);
  }, 60_000);
});
