import { type Address, parseAddress } from '../address/cidr';
import { joinPorts, keyOfRange } from './port-ranges';
import type { PortRule } from './ruleset';

const at = (text: string): Address => parseAddress(text) as Address;
const rule = (port: number, containerPort = port, more: Partial<PortRule> = {}): PortRule => ({
  protocol: 'tcp',
  host: { address: undefined, port },
  containerAddress: at('172.17.0.2'),
  containerPort,
  ...more,
});
const open = (containerPort: number, trusted = false): PortRule => ({ ...rule(containerPort), host: undefined, trusted });
const texts = (rules: readonly PortRule[]): string[] =>
  joinPorts(rules).map(({ host, containerPort, count }) => `${host?.port ?? 'open'} ${containerPort} ${count}`);

describe('rules of ports', () => {
  it('are one where the numbers go on and stay the same, in whatever order they come', () => {
    expect(texts(Array.from({ length: 1000 }, (_, index) => rule(20999 - index)))).toEqual(['20000 20000 1000']);
    expect(texts([rule(80), rule(81), rule(83)])).toEqual(['80 80 2', '83 83 1']);
    expect(texts([open(7), open(6), open(8)])).toEqual(['open 6 3']);
  });

  it('are one where all are moved by as much', () => {
    expect(texts([rule(8081, 81), rule(8080, 80)])).toEqual(['8080 80 2']);
    expect(texts([rule(80, 8080), rule(81, 8081), rule(82, 8082)])).toEqual(['80 8080 3']);
  });

  it('stay apart where one is moved further', () => {
    expect(texts([rule(80), rule(81, 80), rule(82)])).toEqual(['80 80 1', '81 80 1', '82 82 1']);
    expect(texts([rule(8080, 80), rule(8081, 443)])).toEqual(['8080 80 1', '8081 443 1']);
  });

  it('stay apart by protocol, by address of either side, and by who comes', () => {
    const address = at('127.0.0.1');
    const all = [
      rule(80),
      rule(81, 81, { protocol: 'udp' }),
      rule(81, 81, { containerAddress: at('172.17.0.3') }),
      rule(81, 81, { host: { address, port: 81 } }),
      open(81),
      open(82, true),
    ];
    const joined = joinPorts(all);
    expect(joined.map(({ count }) => count)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(new Set(joined.map(keyOfRange)).size).toBe(6);
  });

  it('are named with their length', () => {
    const [one, two] = [joinPorts([rule(80)]), joinPorts([rule(80), rule(81)])].flat();
    expect(one && two && keyOfRange(one) === keyOfRange(two)).toBe(false);
  });
});
