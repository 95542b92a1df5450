import type { Engine } from '../../test-e2e/src/harness/engine';
import { until } from '../../test-e2e/src/harness/command';
import { readdirSync, readFileSync } from 'node:fs';
import { timed } from './measure';
import { streamCases } from './streams';
import { must } from './must';

/** One measured action. `sample` answers in `unit` (milliseconds unless it says another one) for one round. */
export interface BenchCase {
  name: string;
  unit?: string;
  /** Rounds relative to the asked number; heavy cases take fewer. */
  share?: number;
  /** Only with --all, or when --only names it. */
  heavy?: boolean;
  /** Stopped containers that it wants beside it: the cases that follow with as many or more find them there, for dockerd makes six a second. */
  among?: number;
  /** Only Gantry: the peer would take an hour. */
  alone?: boolean;
  setup?(engine: Engine): Promise<void>;
  sample(engine: Engine, round: number): Promise<number>;
  teardown?(engine: Engine): Promise<void>;
}

const removeAll = async (engine: Engine): Promise<void> => {
  const ids = (await must(engine, 'ps', '-aq')).split('\n').filter(Boolean);
  if (ids.length > 0) await must(engine, 'rm', '-f', '-v', ...ids);
};

const run = (network: string): BenchCase => ({
  name: `run --rm true, ${network}`,
  sample: (engine) => timed(() => must(engine, 'run', '--rm', '--network', network, 'busybox', 'true')),
});

/** Nothing of a container is left: no mount, no process of the engine's containers. */
function nothingLeft(engine: Engine): boolean {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(engine.folder) && / (overlay|shm|tmpfs) /.test(line));
  if (mounts.some((line) => line.includes('overlay'))) return false;
  return !readdirSync('/proc').some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return (
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('containerd-shim') &&
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(engine.folder)
      );
    } catch {
      return false;
    }
  });
}

let serial = 0;
const unique = (prefix: string): string => `${prefix}-${serial++}`;

export const cases: BenchCase[] = [
  run('bridge'),
  run('none'),
  run('host'),
  {
    name: '200 x run --rm true back to back, until nothing is left',
    share: 0,
    sample: (engine) =>
      timed(async () => {
        for (let i = 0; i < 200; i++) await must(engine, 'run', '--rm', 'busybox', 'true');
        await until('everything to be removed', () => nothingLeft(engine), 60_000);
      }),
  },
  {
    name: 'create',
    sample: (engine) => timed(() => must(engine, 'create', 'busybox', 'true')),
    teardown: removeAll,
  },
  {
    name: 'start',
    sample: async (engine) => {
      const id = await must(engine, 'create', 'busybox', 'sleep', '600');
      return timed(() => must(engine, 'start', id));
    },
    teardown: removeAll,
  },
  {
    name: 'exec true',
    setup: async (engine) => {
      await must(engine, 'run', '-d', '--name', 'bench-exec', 'busybox', 'sleep', '6000');
    },
    sample: (engine) => timed(() => must(engine, 'exec', 'bench-exec', 'true')),
    teardown: removeAll,
  },
  {
    name: 'ps with 200 containers',
    setup: async (engine) => {
      for (let i = 0; i < 200; i++) await must(engine, 'create', 'busybox', 'true');
    },
    sample: (engine) => timed(() => must(engine, 'ps', '-a')),
    teardown: removeAll,
  },
  {
    name: '40 starts at once',
    share: 0.15,
    sample: async (engine) => {
      const ids = await Promise.all(Array.from({ length: 40 }, () => must(engine, 'create', 'busybox', 'sleep', '600')));
      const took = await timed(() => Promise.all(ids.map((id) => must(engine, 'start', id))));
      await removeAll(engine);
      return took;
    },
  },
  {
    name: 'load 300 MB',
    share: 0.15,
    sample: async (engine) => {
      const took = await timed(() => must(engine, 'load', '-i', process.env['BENCH_ARCHIVE'] ?? ''));
      await must(engine, 'rmi', 'big:latest');
      return took;
    },
  },
  {
    name: 'push 300 MB',
    share: 0.15,
    setup: async (engine) => {
      await must(engine, 'load', '-i', process.env['BENCH_ARCHIVE'] ?? '');
    },
    sample: async (engine, round) => {
      const name = `127.0.0.1:5000/${unique(`big-${engine.kind}-${round}`)}:latest`;
      await must(engine, 'tag', 'big:latest', name);
      const took = await timed(() => must(engine, 'push', '-q', name));
      await must(engine, 'rmi', name);
      return took;
    },
  },
  {
    name: 'pull 300 MB',
    share: 0.15,
    setup: async (engine) => {
      await must(engine, 'load', '-i', process.env['BENCH_ARCHIVE'] ?? '');
      await must(engine, 'tag', 'big:latest', '127.0.0.1:5000/big:pull');
      await must(engine, 'push', '-q', '127.0.0.1:5000/big:pull');
      await must(engine, 'rmi', '127.0.0.1:5000/big:pull', 'big:latest');
    },
    sample: async (engine) => {
      const took = await timed(() => must(engine, 'pull', '-q', '127.0.0.1:5000/big:pull'));
      await must(engine, 'rmi', '127.0.0.1:5000/big:pull');
      return took;
    },
  },
  ...streamCases,
];
