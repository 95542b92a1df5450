import { decode, encode, type RecordType } from 'dns-packet';
import fc from 'fast-check';
import type { EndpointRecord, NetworkRecord } from '../store/record';
import { parseNameServers } from './host-resolvers';
import { RCODE, readQuery, writeAnswer } from './message';
import { addressOfReverseName, type NameSource } from './names';
import { resolve } from './resolver';
import { parseServer, Upstream } from './upstream';

const query = (name: string, type: RecordType, more: Parameters<typeof encode>[0] = {}): Buffer =>
  encode({ type: 'query', id: 0x1234, flags: 0x0100, questions: [{ name, type, class: 'IN' }], ...more });

const network = (id: string, internal = false) => ({ id, name: id, driver: 'bridge', internal, predefined: false }) as NetworkRecord;
const endpoint = (networkId: string, sandboxId: string, more: Partial<EndpointRecord>) =>
  ({ networkId, sandboxId, name: sandboxId, hostname: '', aliases: [], links: {}, dnsServers: [], address: '', ...more }) as EndpointRecord;

function source(networks: NetworkRecord[], endpoints: EndpointRecord[]): NameSource {
  return {
    network: (id) => networks.find((candidate) => candidate.id === id),
    endpointsOfNetwork: (id) => endpoints.filter((candidate) => candidate.networkId === id),
    endpointsOfSandbox: (id) => endpoints.filter((candidate) => candidate.sandboxId === id),
  };
}

describe('the embedded resolver', () => {
  const asked: string[] = [];
  const names = source(
    [network('red'), network('blue'), network('inner', true)],
    [
      endpoint('red', 'alpha', { address: '10.0.0.2', links: { database: 'beta', later: 'Gamma' } }),
      endpoint('red', 'beta', { address: '10.0.0.3', aliases: ['db'] }),
      endpoint('red', 'gamma', { address: '10.0.0.4', aliases: ['db'] }),
      endpoint('blue', 'delta', { address: '10.1.0.2', dnsServers: ['198.51.100.7'] }),
      endpoint('inner', 'sigma', { address: '10.2.0.2' }),
    ],
  );
  const parts = {
    names,
    hostServers: () => [{ address: '192.0.2.53', port: 53 }],
    upstream: {
      ask: (_query: Buffer, servers: readonly { address: string }[]) => {
        asked.push(...servers.map((server) => server.address));
        return Promise.resolve(undefined);
      },
    },
  };
  const ask = async (sandbox: string, name: string, type: RecordType = 'A') => {
    const answer = await resolve(parts, sandbox, query(name, type), 'udp');
    if (answer === undefined) throw new Error('no answer');
    const { answers = [] } = decode(answer);
    return { rcode: (answer[3] ?? 0) & 15, addresses: answers.map((one) => (one.type === 'A' ? one.data : one.type)).sort() };
  };

  beforeEach(() => void (asked.length = 0));

  it('knows names, aliases, links and name.network of the own networks only', async () => {
    expect(await ask('alpha', 'Beta')).toEqual({ rcode: RCODE.ok, addresses: ['10.0.0.3'] });
    expect(await ask('alpha', 'db')).toEqual({ rcode: RCODE.ok, addresses: ['10.0.0.3', '10.0.0.4'] });
    expect(await ask('alpha', 'database')).toEqual({ rcode: RCODE.ok, addresses: ['10.0.0.3'] });
    expect(await ask('alpha', 'later')).toEqual({ rcode: RCODE.ok, addresses: ['10.0.0.4'] });
    expect(await ask('alpha', 'beta.red')).toEqual({ rcode: RCODE.ok, addresses: ['10.0.0.3'] });
    expect(await ask('alpha', 'delta')).toEqual({ rcode: RCODE.serverFailure, addresses: [] });
  });

  it("is no authority, as docker's is none", async () => {
    const answer = await resolve(parts, 'alpha', query('beta', 'A'), 'udp');
    expect(answer?.[2]).toBe(0x81);
  });

  it('has no IPv6 address for a name it knows, and asks nobody for one', async () => {
    expect(await ask('alpha', 'beta', 'AAAA')).toEqual({ rcode: RCODE.ok, addresses: [] });
    expect(asked).toEqual([]);
  });

  it('asks the resolvers of the container, or of the host', async () => {
    await ask('delta', 'example.com');
    await ask('alpha', 'example.com');
    expect(asked).toEqual(['198.51.100.7', '192.0.2.53']);
  });

  it('refuses questions about the outside from a network without one (attacks: CVE-2024-29018)', async () => {
    expect(await ask('sigma', 'example.com')).toEqual({ rcode: RCODE.refused, addresses: [] });
    expect(await ask('sigma', '9.9.9.9.in-addr.arpa', 'PTR')).toMatchObject({ rcode: RCODE.refused });
    expect(asked).toEqual([]);
  });

  it('names the container of an address', async () => {
    const answer = await resolve(parts, 'alpha', query('3.0.0.10.in-addr.arpa', 'PTR'), 'udp');
    expect(decode(answer as Buffer).answers).toEqual([expect.objectContaining({ type: 'PTR', data: 'beta.red' })]);
    expect(addressOfReverseName('300.0.0.10.in-addr.arpa')).toBeUndefined();
  });

  it('answers over UDP with as many bytes as the client can take, and tells it to come over TCP for more', async () => {
    const many = Array.from({ length: 40 }, (_, i) => endpoint('red', `x${i}`, { address: `10.0.0.${i + 10}`, aliases: ['crowd'] }));
    const crowd = { ...parts, names: source([network('red')], [endpoint('red', 'alpha', { address: '10.0.0.2' }), ...many]) };
    const small = (await resolve(crowd, 'alpha', query('Crowd', 'A'), 'udp')) as Buffer;
    expect([small.length <= 512, decode(small).flag_tc, decode(small).answers]).toEqual([true, true, []]);
    const large = query('Crowd', 'A', { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] } as never] });
    for (const [message, over] of [
      [large, 'udp'],
      [query('Crowd', 'A'), 'tcp'],
    ] as const) {
      const answer = decode((await resolve(crowd, 'alpha', message, over)) as Buffer);
      expect([answer.flag_tc, answer.answers?.length, answer.questions?.[0]?.name]).toEqual([false, 40, 'Crowd']);
    }
  });

  it('answers what it cannot serve, and nothing that is no question', async () => {
    const rcodeOf = async (message: Buffer) => ((await resolve(parts, 'alpha', message, 'udp'))?.[3] ?? 0) & 15;
    expect(await rcodeOf(query('beta', 'A', { flags: 0x1100 }))).toBe(RCODE.notImplemented); // opcode STATUS
    expect(await rcodeOf(query('beta', 'A', { questions: [] }))).toBe(RCODE.formatError);
    expect(await rcodeOf(query('beta', 'A', { questions: [{ name: 'beta', type: 'A', class: 'CH' }] }))).toBe(RCODE.notImplemented);
    expect(await rcodeOf(query('beta', 'A').subarray(0, 20))).toBe(RCODE.formatError);
    expect(await resolve(parts, 'alpha', query('beta', 'A', { type: 'response' }), 'udp')).toBeUndefined();
    expect(await ask('alpha', 'beta', 'UNKNOWN_65280' as RecordType)).toEqual({ rcode: RCODE.ok, addresses: [] });
  });

  it('survives any message', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (bytes) => {
        await resolve(parts, 'alpha', Buffer.from(bytes), 'udp');
      }),
    );
  });
});

it('answers repeat id and question', () => {
  const question = readQuery(query('a.b', 'A'));
  if (question === undefined || 'rcode' in question) throw new Error('not a question');
  const answer = writeAnswer(question, []);
  expect(answer.readUInt16BE(0)).toBe(0x1234);
  expect(decode(answer).questions).toEqual([{ name: 'a.b', type: 'A', class: 'IN' }]);
});

it('reads resolvers', () => {
  expect(
    parseNameServers('search x\nnameserver 192.0.2.1\n # nameserver 9.9.9.9\n nameserver fe80::1%eth0\nnameserver nonsense\n').map(
      (server) => server.address,
    ),
  ).toEqual(['192.0.2.1', 'fe80::1%eth0']);
  expect(
    [parseServer('192.0.2.1'), parseServer('192.0.2.1:5353'), parseServer('[2001:db8::1]:54'), parseServer('2001:db8::1')].map(
      (server) => server.port,
    ),
  ).toEqual([53, 5353, 54, 53]);
});

it('gives up at once on a resolver that nothing leads to', async () => {
  const unreachable = { address: '255.255.255.255', port: 53 }; // refused by connect(2) itself, as a host without a route does
  const started = Date.now();
  for (const over of ['udp', 'tcp'] as const) expect(await new Upstream().ask(query('a.b', 'A'), [unreachable], over)).toBeUndefined();
  expect(Date.now() - started).toBeLessThan(2000); // what one that does not answer costs
});
