import type { HeldPort, HostPorts } from './publisher';
import { PortPublisher } from './publisher';
import { parseWish } from './port';

/** A host where some ports belong to strangers. */
class FakeHost implements HostPorts {
  readonly held = new Set<string>();

  constructor(private readonly foreign: ReadonlySet<number> = new Set()) {}

  hold(protocol: string, ip: string, port: number): HeldPort {
    if (this.foreign.has(port)) throw Object.assign(new Error('bind'), { code: 'EADDRINUSE' });
    const key = `${protocol} ${ip} ${port}`;
    this.held.add(key);
    return { close: () => void this.held.delete(key) };
  }

  relay(protocol: string, listen: { address: string; port: number }): HeldPort {
    return this.hold(protocol, listen.address, listen.port);
  }

  ephemeralRange = (): readonly [number, number] => [40000, 40003];
  hasIpv6 = (): boolean => false;
}

const wish = (hostPort: number, more: object = {}) =>
  parseWish({ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort, hostPortEnd: 0, ...more });
const texts = (ports: readonly { hostIp: string; hostPort: number }[]): string[] =>
  ports.map(({ hostIp, hostPort }) => `${hostIp} ${hostPort}`);
const target = { address: '172.17.0.2', address6: '', defaultIp: '', routed: { 4: false, 6: false } };
let number = 0;
const label = () => ({ name: 'web', id: String(++number) });

describe('publishing ports', () => {
  it('chooses free ports in turn, around foreign ones, and says when there are none', async () => {
    const publisher = new PortPublisher(new FakeHost(new Set([40001])));
    const got = await publisher.publish(label(), [wish(0), wish(0), wish(0)], target);
    expect(got.map((port) => port.hostPort)).toEqual([40000, 40002, 40003]);
    await expect(publisher.publish(label(), [wish(0)], target)).rejects.toThrow(
      'driver failed programming external connectivity on endpoint web',
    );
  });

  it('gives wishes for any port what the other ones leave', async () => {
    const publisher = new PortPublisher(new FakeHost());
    const any = { hostPortEnd: 40002 };
    const got = await publisher.publish(label(), [wish(0), wish(40001, any), wish(40000), wish(40001)], target);
    expect(got.map((port) => port.hostPort)).toEqual([40003, 40002, 40000, 40001]);
  });

  it('takes all wishes or none', async () => {
    const host = new FakeHost(new Set([82]));
    const publisher = new PortPublisher(host);
    await expect(publisher.publish(label(), [wish(80), wish(81), wish(82)], target)).rejects.toThrow(
      'listen tcp4 0.0.0.0:82: bind: address already in use',
    );
    expect(host.held.size).toBe(0);
    await publisher.publish(label(), [wish(80)], target);
  });

  it('knows that all addresses collide with each one, and that protocols do not', async () => {
    const publisher = new PortPublisher(new FakeHost());
    const first = label();
    await publisher.publish(
      first,
      [wish(80, { hostIp: '127.0.0.1' }), wish(80, { hostIp: '127.0.0.2' }), wish(80, { protocol: 'udp' })],
      target,
    );
    await expect(publisher.publish(label(), [wish(80)], target)).rejects.toThrow('Bind for 0.0.0.0:80 failed: port is already allocated');
    publisher.release(first.id);
    await publisher.publish(label(), [wish(80)], target);
  });

  it('holds SCTP ports for rules, never relays them, and leaves out what rules cannot reach', async () => {
    const host = new FakeHost();
    host.hasIpv6 = () => true;
    const relay = jest.spyOn(host, 'relay');
    const publisher = new PortPublisher(host);
    const sctp = { protocol: 'sctp' };
    const both = { ...target, address6: 'fd00::2' };
    expect(texts(await publisher.publish(label(), [wish(90, sctp)], target))).toEqual(['0.0.0.0 90']);
    expect(texts(await publisher.publish(label(), [wish(91, sctp)], both))).toEqual(['0.0.0.0 91', ':: 91']);
    expect(await publisher.publish(label(), [wish(92, { ...sctp, hostIp: '::1' })], both)).toEqual([]);
    expect([...host.held]).toEqual(['sctp 0.0.0.0 90', 'sctp 0.0.0.0 91', 'sctp :: 91']);
    expect(relay).not.toHaveBeenCalled();
    const without = new PortPublisher(host, { relayAll: { 4: true, 6: true }, relayIpv6: true });
    await expect(without.publish(label(), [wish(93, sctp)], target)).rejects.toThrow('sctp is published by rules only');
  });

  it('falls back to the next port of a range', async () => {
    const publisher = new PortPublisher(new FakeHost(new Set([90])));
    expect((await publisher.publish(label(), [wish(90, { hostPortEnd: 92 })], target)).map((port) => port.hostPort)).toEqual([91]);
  });

  it.each([{ containerPort: 0 }, { hostPort: 65536 }, { hostPort: 10, hostPortEnd: 9 }, { hostIp: 'localhost' }, { protocol: 'icmp' }])(
    'refuses %j',
    (change) => {
      expect(() => wish(80, change)).toThrow();
    },
  );
});
