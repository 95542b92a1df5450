import { startEngine, loadBusybox, type Engine } from '../../test-e2e/src/harness/engine';
import { cases, type BenchCase } from './cases';
import { engineCases } from './engine-cases';
import { RunClient } from './engine-client';
import { median, timed } from './measure';
import type { BenchOptions } from './options';
import { startRegistry } from './registry';

/** Resamplings of the pairs for an interval. */
const RESAMPLED = 4000;

const clients = new Map<Engine, RunClient>();

/** The engine's part of a run, over one kept connection: the CLI's own time is in every other row of both trees. */
const engineAlone: BenchCase = {
  name: 'create, attach, wait, start, end, removal over one connection',
  setup: async (engine) => {
    clients.set(engine, new RunClient(engine.socket));
    for (let i = 0; i < 10; i++) await clients.get(engine)?.run();
  },
  sample: (engine) => timed(async () => clients.get(engine)?.run()),
  teardown: async (engine) => clients.get(engine)?.close(),
};

interface Pairs {
  readonly before: number[];
  readonly after: number[];
}

/**
 * This tree beside another one, both built, in pairs: one sample of each, alternating who comes first, so that what the machine does meanwhile falls on both.
 * The ratio is that of the medians, with the 95 % interval that resampled pairs give (percentile bootstrap).
 */
export async function besideBefore(tree: string, { rounds, only, all }: BenchOptions): Promise<string> {
  const engines: Engine[] = [];
  const registries: { kill(): unknown }[] = [];
  const lines = [`| case | before, ms | after, ms | ratio | 95 % |`, '|---|---|---|---|---|'];
  try {
    engines.push(await startEngine('gantry', { memoryRun: true, tree }), await startEngine('gantry', { memoryRun: true }));
    for (const engine of engines) {
      await loadBusybox(engine);
      registries.push(await startRegistry(engine));
    }
    const plain = [engineAlone, ...cases].filter(({ heavy, share }) => (all || heavy !== true) && share !== 0);
    const named = [engineAlone, ...cases, ...engineCases].filter(({ name }) => only.some((part) => name.includes(part)));
    const wanted = only.length === 0 ? plain : named;
    for (const one of wanted) {
      const line = lineOf(one.name, await pairsOf(one, engines as [Engine, Engine], rounds));
      lines.push(line);
      process.stdout.write(`${line}\n`);
    }
  } finally {
    for (const registry of registries) registry.kill();
    for (const engine of engines) await engine.destroy();
  }
  return `\n${rounds} pairs of ${tree} (before) and this tree (after)\n\n${lines.join('\n')}`;
}

async function pairsOf(one: BenchCase, [before, after]: readonly [Engine, Engine], rounds: number): Promise<Pairs> {
  const pairs: Pairs = { before: [], after: [] };
  for (const engine of [before, after]) await one.setup?.(engine);
  // One pair to warm up.
  for (let round = -1; round < rounds; round++) {
    const took = new Map<Engine, number>();
    for (const engine of round % 2 === 0 ? [before, after] : [after, before]) took.set(engine, await one.sample(engine, round + 1));
    if (round < 0) continue;
    pairs.before.push(took.get(before) ?? Number.NaN);
    pairs.after.push(took.get(after) ?? Number.NaN);
  }
  for (const engine of [before, after]) await one.teardown?.(engine);
  return pairs;
}

function lineOf(name: string, pairs: Pairs): string {
  const ratio = median(pairs.after) / median(pairs.before);
  const [low, high] = interval(pairs);
  const number = (value: number): string => value.toFixed(1);
  return `| ${name} | ${number(median(pairs.before))} | ${number(median(pairs.after))} | **${ratio.toFixed(2)}** | ${low.toFixed(2)} to ${high.toFixed(2)} |`;
}

function interval({ before, after }: Pairs): readonly [number, number] {
  const ratios = Array.from({ length: RESAMPLED }, () => {
    const picked = before.map(() => Math.floor(Math.random() * before.length));
    return median(picked.map((i) => after[i] ?? Number.NaN)) / median(picked.map((i) => before[i] ?? Number.NaN));
  }).sort((a, b) => a - b);
  return [ratios[Math.floor(RESAMPLED * 0.025)] ?? Number.NaN, ratios[Math.floor(RESAMPLED * 0.975)] ?? Number.NaN];
}
