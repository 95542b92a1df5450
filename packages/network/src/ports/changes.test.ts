import { compareWishes } from './changes';
import { parseWish, type PortWish, type PublishedPort } from './port';

const wish = (hostPort: number, more: object = {}): PortWish =>
  parseWish({ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort, hostPortEnd: 0, ...more });
const port = (hostPort: number, hostIp = '0.0.0.0', more: object = {}): PublishedPort => ({
  protocol: 'tcp',
  containerPort: 80,
  hostIp,
  hostPort,
  ...more,
});
const texts = (ports: readonly PublishedPort[]): string[] => ports.map(({ hostIp, hostPort }) => `${hostIp} ${hostPort}`).sort();

describe('comparing what is published with what is wished', () => {
  it('keeps what is asked for in the same words, also a port that was chosen', () => {
    const ports = [port(32768), port(32768, '::'), port(8080), port(8080, '::')];
    const change = compareWishes({ ports, portWishes: [wish(0), wish(8080)] }, [wish(0), wish(9090)]);
    expect(texts(change.kept)).toEqual(['0.0.0.0 32768', ':: 32768']);
    expect(texts(change.dropped)).toEqual(['0.0.0.0 8080', ':: 8080']);
    expect([change.fresh, change.gone]).toEqual([[wish(9090)], [wish(8080)]]);
  });

  it('tells whose a port is by who says most', () => {
    const ports = [port(32768), port(32768, '::'), port(32769, '127.0.0.1'), port(9001, '127.0.0.1')];
    const portWishes = [wish(0), wish(0, { hostIp: '127.0.0.1' }), wish(9000, { hostPortEnd: 9005, hostIp: '127.0.0.1' })];
    const without = (index: number): string[] =>
      texts(
        compareWishes(
          { ports, portWishes },
          portWishes.filter((_, at) => at !== index),
        ).dropped,
      );
    expect([0, 1, 2].map(without)).toEqual([['0.0.0.0 32768', ':: 32768'], ['127.0.0.1 32769'], ['127.0.0.1 9001']]);
  });

  it('counts wishes that are the same', () => {
    const change = compareWishes({ ports: [port(1), port(2)], portWishes: [wish(0), wish(0)] }, [wish(0), wish(0), wish(0)]);
    expect([change.fresh.length, change.gone.length, change.dropped.length]).toEqual([1, 0, 0]);
    expect(compareWishes({ ports: [port(1), port(2)], portWishes: [wish(0), wish(0)] }, [wish(0)]).dropped).toHaveLength(1);
  });

  it('reads records that do not say what was wished, and ports that are open without one of the host', () => {
    expect(texts(compareWishes({ ports: [port(8080)] }, []).dropped)).toEqual(['0.0.0.0 8080']);
    const routed = compareWishes({ ports: [port(0), port(8080, '::')], portWishes: [wish(8080)] }, []);
    expect(texts(routed.dropped)).toEqual(['0.0.0.0 0', ':: 8080']);
  });
});
