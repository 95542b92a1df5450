import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../test-e2e/src/harness/engine';
import type { BenchCase } from './cases';
import { create, end, listOf, start, stopped } from './engine-cases';
import { idleOf } from './growth';
import { timed } from './measure';
import { must } from './must';

const STOPPED = 3000;
/** Seconds that an engine has to give memory back. */
const REST_S = 30;

const startOne = (count: number): BenchCase => ({
  name: `engine: start of one beside ${count} stopped`,
  heavy: true,
  among: count,
  setup: stopped(count),
  sample: async (engine) => {
    const id = await create(engine, { Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none' } });
    const took = await timed(() => start(engine, id));
    await must(engine, 'rm', '-f', id);
    return took;
  },
  teardown: end,
});

/** What engines hold: beside many containers, and after much work. Each round has the engine at rest before. */
export const engineMemoryCases: readonly BenchCase[] = [
  startOne(0),
  {
    name: `engine: memory of a stopped container, ${STOPPED} of them`,
    unit: 'KB',
    heavy: true,
    share: 0,
    among: STOPPED,
    sample: async (engine) => {
      const before = idleOf(engine);
      await stopped(STOPPED)(engine);
      await sleep(REST_S * 1000);
      return ((idleOf(engine) - before) * 1024) / STOPPED;
    },
    teardown: end,
  },
  listOf(STOPPED),
  startOne(STOPPED),
  listOf(10_000),
  {
    name: `engine: memory ${REST_S} s after a load, a push and a pull of 300 MB, to before`,
    unit: 'times',
    heavy: true,
    share: 0,
    sample: async (engine) => {
      const before = idleOf(engine);
      const name = '127.0.0.1:5000/rest:latest';
      await must(engine, 'load', '-i', process.env['BENCH_ARCHIVE'] ?? '');
      await must(engine, 'tag', 'big:latest', name);
      await must(engine, 'push', '-q', name);
      await must(engine, 'rmi', name, 'big:latest');
      await must(engine, 'pull', '-q', name);
      await must(engine, 'rmi', name);
      await sleep(REST_S * 1000);
      return idleOf(engine) / before;
    },
  },
];
