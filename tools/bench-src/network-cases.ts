import type { Engine } from '../../test-e2e/src/harness/engine';
import { pinnedNode } from '../../test-e2e/src/harness/paths';
import type { BenchCase } from './cases';
import { create, end, inLanes, removeAll, start } from './engine-cases';
import { idleOf } from './growth';
import { timed } from './measure';
import { must } from './must';

/** What networks cost: many published ports, names, the bridge's part of a run, many containers on one network. */

const PORTS = 1000;
const publishedTo = (first: number): string => `20000-${20000 + PORTS - 1}:${first}-${first + PORTS - 1}`;
/** By the same numbers, and moved. */
const WAYS = [
  { ports: `${PORTS} published ports`, published: publishedTo(20_000) },
  { ports: `${PORTS} moved ports`, published: publishedTo(1000) },
] as const;
const LOOKUPS = 10_000;
const AT_ONCE = 50;
const NETWORK = 'bench-network';

const publishing = (engine: Engine, published: string): Promise<string> =>
  must(engine, 'run', '-d', '-p', published, 'busybox', 'sleep', '6000');

/** Asks the resolver of the container's own network one question after the other, without a program's start for each. */
const ASKER = `
const { createSocket } = require('node:dgram');
const [name, count] = process.argv.slice(1);
const question = Buffer.concat([
  Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
  ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
  Buffer.from([0, 0, 1, 0, 1]),
]);
const socket = createSocket('udp4');
let asked = 0;
const ask = () => {
  question.writeUInt16BE(asked & 0xffff, 0);
  socket.send(question, 53, '127.0.0.11');
};
const began = process.hrtime.bigint();
socket.on('message', (answer) => {
  if (answer.readUInt16BE(0) !== (asked & 0xffff)) return;
  if (answer.readUInt16BE(6) !== 1) throw new Error('no answer for ' + name);
  if (++asked < Number(count)) return ask();
  process.stdout.write(String(Number(process.hrtime.bigint() - began) / 1e6));
  socket.close();
});
ask();
`;

async function lookUps(engine: Engine): Promise<number> {
  const pid = await must(engine, 'inspect', '-f', '{{.State.Pid}}', 'bench-asker');
  const asked = await engine.onHost('nsenter', [`--net=/proc/${pid}/ns/net`, pinnedNode, '-e', ASKER, 'bench-answerer', String(LOOKUPS)], {
    timeout: 600_000,
  });
  if (asked.code !== 0) throw new Error(`${engine.kind}: ${asked.stderr}`);
  return Number(asked.stdout);
}

const runOn = (engine: Engine, network: string): Promise<number> =>
  timed(() => must(engine, 'run', '--rm', '--network', network, 'busybox', 'true'));

const portCases = ({ ports, published }: (typeof WAYS)[number]): BenchCase[] => [
  {
    name: `network: run with ${ports}`,
    heavy: true,
    share: 0.15,
    sample: async (engine) => {
      const took = await timed(() => publishing(engine, published));
      await removeAll(engine);
      return took;
    },
    teardown: end,
  },
  {
    name: `network: memory of ${ports}`,
    unit: 'MiB',
    heavy: true,
    share: 0.15,
    sample: async (engine) => {
      const plain = await must(engine, 'run', '-d', 'busybox', 'sleep', '6000');
      const before = idleOf(engine);
      await publishing(engine, published);
      const grown = idleOf(engine) - before;
      await removeAll(engine);
      return plain === '' ? Number.NaN : grown;
    },
    teardown: end,
  },
];

export const networkCases: readonly BenchCase[] = [
  ...WAYS.flatMap(portCases),
  {
    name: `network: ${LOOKUPS} look-ups of a name`,
    heavy: true,
    share: 0.2,
    setup: async (engine) => {
      await must(engine, 'network', 'create', NETWORK);
      for (const name of ['bench-asker', 'bench-answerer'])
        await must(engine, 'run', '-d', '--name', name, '--network', NETWORK, 'busybox', 'sleep', '6000');
    },
    sample: lookUps,
    teardown: async (engine) => {
      await end(engine);
      await must(engine, 'network', 'rm', NETWORK);
    },
  },
  {
    name: "network: the bridge's share of run --rm true",
    heavy: true,
    sample: async (engine) => (await runOn(engine, 'bridge')) - (await runOn(engine, 'none')),
  },
  {
    name: `network: ${AT_ONCE} starts at once on one network`,
    heavy: true,
    share: 0.15,
    setup: async (engine) => void (await must(engine, 'network', 'create', NETWORK)),
    sample: async (engine) => {
      const ids: string[] = [];
      const config = { Cmd: ['sleep', '600'], HostConfig: { NetworkMode: NETWORK } };
      await inLanes(Array.from({ length: AT_ONCE }), 8, async () => void ids.push(await create(engine, config)));
      const took = await timed(() => Promise.all(ids.map((id) => start(engine, id))));
      await removeAll(engine);
      return took;
    },
    teardown: async (engine) => {
      await end(engine);
      await must(engine, 'network', 'rm', NETWORK);
    },
  },
];
