import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import type { Endpoint } from '@gantry/api/gantry/network/v1/network';
import { Capture, type Seen } from './capture';
import { delay, eventually, runProgram, type TestSandbox } from './host';
import { countIn, inject, plainPacket } from './inject';
import { context, createRequest } from './service';
import type { TestEngine, TwoEngines } from './two-engines';
import { newId, ping } from './world';

/** What is seen of encrypted networks on a kernel that has ESP: by tests, and by the guest whose kernel has it where the tests' has not. */
export interface EncryptedStory {
  readonly name: string;
  readonly prefix?: string;
  /** Of network.yaml. */
  readonly config: string;
  readonly run: (world: TwoEngines) => Promise<void>;
}

interface Pair {
  readonly a: TestEngine;
  readonly b: TestEngine;
  readonly one: TestSandbox;
  readonly two: TestSandbox;
  readonly twoId: string;
  readonly second: Endpoint;
}

const ESP = 50;
const VXLAN = 4789;
const create = (engine: TestEngine, name: string, options: Record<string, string> = {}): Promise<unknown> =>
  engine.client.createNetwork(context(), createRequest({ name, driver: 'overlay', attachable: true, options }));

/** A container on each host, on one network that is encrypted, which reach each other. */
async function pair(world: TwoEngines, limit?: number): Promise<Pair> {
  const [a, b] = world.engines as [TestEngine, TestEngine];
  await create(a, 'n', { encrypted: '' });
  await eventually(() => b.network('n'));
  const [one, two] = [await world.wire.sandbox(), await world.wire.sandbox()];
  const twoId = newId();
  await a.join(one, { containerName: 'one' });
  const second = await b.join(two, { sandboxId: twoId, containerName: 'two' });
  await eventually(() => ping(one, second.ipAddress), limit);
  return { a, b, one, two, twoId, second };
}

const vniOf = async (engine: TestEngine, at = 0): Promise<number> => {
  const found = [...(await engine.host.run('ip', '-d', 'link', 'show', 'type', 'vxlan')).matchAll(/vxlan id (\d+)/g)];
  return Number(found[at]?.[1]);
};
const spisOf = async (engine: TestEngine): Promise<string[]> =>
  [...(await engine.host.run('ip', 'xfrm', 'state')).matchAll(/spi (0x[0-9a-f]+)/g)].map(([, spi = '']) => spi).sort();
/** By which state a host sends. */
const sendsBy = async (engine: TestEngine): Promise<string> =>
  /tmpl[^]*?spi (0x[0-9a-f]+)/.exec(await engine.host.run('ip', 'xfrm', 'policy'))?.[1] ?? '';
const inClear = (seen: readonly Seen[], vni: number): number => seen.filter((each) => each.port === VXLAN && each.vni === vni).length;
const inEsp = (seen: readonly Seen[]): number => seen.filter(({ protocol }) => protocol === ESP).length;

/** Pings all the time while something happens; the answer is what was lost. */
async function meanwhile(world: TwoEngines, { one, second }: Pair, task: () => Promise<void>): Promise<string> {
  const done = `${world.wire.directory}/done`;
  const until = 'while [ ! -e "$0" ]; do busybox ping -c1 -W1 "$1" >/dev/null || echo lost; sleep 0.05; done';
  const pings = one.run('sh', '-c', until, done, second.ipAddress);
  try {
    await task();
  } finally {
    writeFileSync(done, '');
  }
  return pings;
}

/** How many of some packets come to a container that are thrown at its host in the clear. */
async function heard(
  to: { readonly sandbox: TestSandbox; readonly endpoint: Endpoint; readonly vni: number },
  host: string,
): Promise<number> {
  const count = await countIn(to.sandbox);
  const packet = plainPacket(to.vni, { mac: to.endpoint.macAddress, address: to.endpoint.ipAddress }, 'forged');
  for (let sent = 0; sent < 5; sent++) await inject(host, packet);
  await delay(500);
  return count();
}

/** By etcd's own JSON. */
async function secretOf(world: TwoEngines, network: string): Promise<string> {
  const key = Buffer.from(`/gantry/overlay/secrets/${network}`).toString('base64');
  const answer = await fetch(`${world.etcd.endpoint}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key }) });
  const { kvs } = (await answer.json()) as { readonly kvs: readonly { readonly value: string }[] };
  return Buffer.from(kvs[0]?.value ?? '', 'base64').toString();
}

async function onlyEsp(world: TwoEngines, host: string, mtu: number): Promise<void> {
  const both = await pair(world);
  const { a, b, one, two, second } = both;
  const vni = await vniOf(a);
  const shown = JSON.stringify(await a.network('n'), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  assert.match(shown, /"encrypted":""/);
  const secret = await secretOf(world, (await a.network('n')).id);
  assert.match(secret, /^[0-9a-f]{64}$/);
  assert.ok(!shown.includes(secret), 'the secret is shown');
  await assert.rejects(runProgram('grep', '-rqF', secret, `${world.wire.directory}/engine1`, `${world.wire.directory}/engine2`));
  assert.match(await one.run('ip', '-o', 'link', 'show', 'eth0'), new RegExp(`mtu ${mtu} `));

  const capture = new Capture();
  try {
    await one.run('busybox', 'ping', '-c3', '-W1', '-s', String(mtu - 28), second.ipAddress); // as much as fits
    const seen = capture.take();
    assert.equal(inClear(seen, vni), 0);
    assert.ok(inEsp(seen) >= 6, `${inEsp(seen)} packets of ESP`);

    // one without the option beside it goes in the clear, on the same port
    await create(a, 'm');
    await eventually(() => b.network('m'));
    const [three, four] = [await world.wire.sandbox(), await world.wire.sandbox()];
    await a.join(three, { networkRef: 'm', containerName: 'three' });
    const open = await b.join(four, { networkRef: 'm', containerName: 'four' });
    await eventually(() => ping(three, open.ipAddress));
    const plain = [await vniOf(a, 0), await vniOf(a, 1)].find((each) => each !== vni) ?? 0;
    assert.ok(inClear(capture.take(), plain) > 0, 'nothing of the other network was seen');

    // what was not encrypted does not come in; by the other one's fate that it would have come
    assert.equal(await heard({ sandbox: four, endpoint: open, vni: plain }, host), 5, 'the proof itself does not work');
    assert.equal(await heard({ sandbox: two, endpoint: second, vni }, host), 0, 'a forged packet came in');
    capture.take();

    // keys of one network carry no packet of another, and what has no keys goes nowhere
    await a.kill();
    await a.host.run('ip', 'xfrm', 'state', 'flush');
    await assert.rejects(ping(one, second.ipAddress));
    await a.host.run('ip', 'xfrm', 'policy', 'flush');
    await assert.rejects(ping(one, second.ipAddress));
    assert.equal(inClear(capture.take(), vni), 0);
    await a.start();
    await eventually(() => ping(one, second.ipAddress));
    await a.kill();
    await a.host.run('nft', 'flush', 'ruleset');
    await ping(one, second.ipAddress);
    await a.host.run('ip', 'xfrm', 'state', 'flush');
    await assert.rejects(ping(one, second.ipAddress));
    assert.equal(inClear(capture.take(), vni), 0);
    await a.start();
    await eventually(() => ping(one, second.ipAddress));
    assert.equal(inClear(capture.take(), vni), 0);
  } finally {
    capture.close();
  }

  // nothing stays where nobody is
  await b.client.disconnect(context(), { networkRef: 'n', sandboxId: both.twoId, force: false });
  assert.equal(await b.host.run('ip', 'xfrm', 'state'), '');
  assert.equal(await b.host.run('ip', 'xfrm', 'policy'), '');
  assert.doesNotMatch(await b.host.run('nft', 'list', 'ruleset'), /ipsec/);
  await eventually(async () => assert.equal(await a.host.run('ip', 'xfrm', 'state'), ''));
  assert.match(await a.host.run('ip', 'xfrm', 'policy'), /action block/);
}

/** Each service is killed and comes back: with keys that were never used before, and no packet lost. */
async function goesOn(world: TwoEngines): Promise<void> {
  const both = await pair(world);
  const { a, b } = both;
  const lost = await meanwhile(world, both, async () => {
    for (const engine of [a, b]) {
      const before = await sendsBy(engine);
      await engine.kill();
      await engine.start();
      await eventually(async () => assert.notEqual(await sendsBy(engine), before));
    }
  });
  assert.equal(lost, '');
  await eventually(async () => assert.equal((await spisOf(a)).length, 2));
  assert.deepEqual(
    await spisOf(a),
    await eventually(async () => {
      const spis = await spisOf(b);
      assert.equal(spis.length, 2);
      return spis;
    }),
  );
}

/** Keys change by themselves, and no packet is lost. */
async function rotates(world: TwoEngines): Promise<void> {
  const both = await pair(world);
  const used = new Set<string>();
  const lost = await meanwhile(world, both, () =>
    eventually(async () => {
      used.add(await sendsBy(both.a));
      assert.ok(used.size >= 4, `${used.size} keys`);
    }, 120_000),
  );
  assert.equal(lost, '');
}

const LEASE = '  lease: 600\n';
const OFTEN = 'sweep-interval: 1\n';

export const encryptedStories: readonly EncryptedStory[] = [
  {
    name: 'lets only ESP onto the wire, and nothing else in, and leaves nothing',
    config: LEASE + OFTEN,
    run: (world) => onlyEsp(world, '192.0.2.2', 1416),
  },
  { name: 'loses no packet when a service is killed, and takes new keys', config: LEASE + OFTEN, run: goesOn },
  { name: 'takes new keys after a while', config: `${LEASE}  keys: { max-age: 2 }\n${OFTEN}`, run: rotates },
  { name: 'takes new keys after some packets', config: `${LEASE}  keys: { max-packets: 20 }\n${OFTEN}`, run: rotates },
  {
    name: 'does all that over a wire of IPv6',
    prefix: '2001:db8::',
    config: LEASE + OFTEN,
    run: (world) => onlyEsp(world, '2001:db8::2', 1396),
  },
];
