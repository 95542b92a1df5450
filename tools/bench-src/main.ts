import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { loadBusybox, startEngine, type Engine } from '../../test-e2e/src/harness/engine';
import { pinnedNode, projectRoot } from '../../test-e2e/src/harness/paths';
import { besideBefore } from './before';
import { buildCases } from './builds';
import { cases } from './cases';
import { asksForPods, besideContainerd } from './cri/alone';
import { engineCases } from './engine-cases';
import { engineMemoryCases } from './engine-memory';
import { growthOf, idleOf } from './growth';
import { imageMemory } from './images/memory';
import { type ImageRow, imageRows, VERBS } from './images/run';
import { shapes } from './images/shapes';
import { imageTable } from './images/table';
import { cleanUpWhenInterrupted } from './interrupted';
import { describeMany, manyContainers } from './many';
import { median, pss, pssOf, quantile } from './measure';
import { networkCases } from './network-cases';
import { trafficCases } from './traffic-cases';
import { parseOptions } from './options';
import { profile } from './profile';
import { startRegistry } from './registry';
import { type RuntimeRow, runtimeRows, runtimeTable } from './runtimes';

interface Row {
  name: string;
  unit: string;
  gantry: number;
  dockerd: number;
  ratio: number;
  first?: { gantry: number; dockerd: number; ratio: number };
  p10?: { gantry: number; dockerd: number };
  /** MiB at most over idle, in a round of its own. */
  growth?: { gantry: number; dockerd: number };
}

/** Only Gantry: 500 of dockerd's shims would want some 6 GiB. */
const MANY = '500 idle containers';
const MANY_COUNT = 500;
/** The goal's image shapes and verbs, beside ctr too: some ten minutes. */
const IMAGES = 'images';
const LARGE_LAYER = 'images: a layer of 4 GB';

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  cleanUpWhenInterrupted();
  process.env['PATH'] = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  if (options.profile) {
    process.stdout.write(`${await profile(options.rounds)}\n`);
    return;
  }
  if (asksForPods(options)) {
    await besideContainerd(options);
    return;
  }
  const work = mkdtempSync(join(tmpdir(), 'gantry-e2e-bench-'));
  const archive = join(work, 'big.tar');
  execFileSync(pinnedNode, [
    join(projectRoot, 'tools/make-image.mjs'),
    '--out',
    archive,
    '--name',
    'big:latest',
    '--megabytes',
    '300',
    '--layers',
    '3',
  ]);
  process.env['BENCH_ARCHIVE'] = archive;
  if (options.before !== undefined) {
    try {
      process.stdout.write(`${await besideBefore(options.before, options)}\n`);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    return;
  }
  const engines: Engine[] = [];
  const registries: ChildProcess[] = [];
  const rows: Row[] = [];
  const notes: string[] = [];
  try {
    engines.push(
      await startEngine('gantry', { memoryRun: true }),
      await startEngine('dockerd', { command: options.dockerd, memoryRun: true, containerdStore: options.containerdStore }),
    );
    const [gantry, dockerd] = engines as [Engine, Engine];
    for (const engine of engines) {
      await loadBusybox(engine);
      registries.push(await startRegistry(engine));
      const driver = (await engine.docker(['info', '-f', '{{.Driver}}'])).stdout.trim();
      if (!['overlay2', 'overlayfs'].includes(driver)) throw new Error(`${engine.kind} uses ${driver}, not overlay`);
    }
    const named = (name: string): boolean => options.only.some((part) => name.includes(part));
    const wanted = [...cases, ...engineCases, ...engineMemoryCases, ...networkCases, ...trafficCases, ...buildCases].filter((one) =>
      options.only.length === 0 ? options.all || one.heavy !== true : named(one.name),
    );
    if (options.only.length === 0) rows.push(idleMemory(gantry, dockerd));
    const idle = new Map(engines.map((engine) => [engine, idleOf(engine)]));
    for (const [at, one] of wanted.entries()) {
      const samples = { gantry: [] as number[], dockerd: [] as number[] };
      const measured = one.alone === true ? [gantry] : engines;
      for (const engine of measured) await one.setup?.(engine);
      const rounds = Math.max(1, Math.round(options.rounds * (one.share ?? 1)));
      for (let round = 0; round < rounds; round++) {
        for (const engine of round % 2 === 0 ? measured : [...measured].reverse())
          samples[engine.kind].push(await one.sample(engine, round));
      }
      const growth = { gantry: Number.NaN, dockerd: Number.NaN };
      if (options.memory)
        for (const engine of measured)
          growth[engine.kind] = await growthOf(engine, idle.get(engine) ?? 0, () => one.sample(engine, rounds));
      const kept = one.among !== undefined && (wanted[at + 1]?.among ?? 0) >= one.among;
      if (!kept) for (const engine of engines) await one.teardown?.(engine);
      const row: Row = { ...summarize(one.name, samples), unit: one.unit ?? 'ms', ...(options.memory ? { growth } : {}) };
      rows.push(row);
      print(row);
    }
    if (options.only.length === 0) rows.push(...(await containerMemory(gantry, dockerd)));
    if (options.all || named(MANY)) {
      notes.push(describeMany('gantry', await manyContainers(gantry, MANY_COUNT, () => pss(mine(gantry)).mib + monitors(gantry))));
      process.stdout.write(`${notes.at(-1) ?? ''}\n`);
    }
    if (options.all || named(LARGE_LAYER)) {
      notes.push(await imageMemory(4096));
      process.stdout.write(`${notes.at(-1) ?? ''}\n`);
    }
    let images: ImageRow[] = [];
    const wantedShapes = shapes.filter(({ name }) => options.all || named(`${IMAGES}: ${name}`));
    if (wantedShapes.length > 0)
      images = await imageRows([gantry, dockerd], wantedShapes, {
        rounds: Math.max(1, Math.round(options.rounds / 4)),
        verbs: options.verbs ?? VERBS,
        work,
      });
    let runtimes: RuntimeRow[] = [];
    if (options.only.length === 0 || named('runtimes')) runtimes = await runtimeRows(Math.max(3, Math.round(options.rounds / 3)));
    const version = (await dockerd.docker(['version', '-f', '{{.Server.Version}}'])).stdout.trim();
    const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
    process.stdout.write(`\n${table(rows, version, machine)}\n`);
    if (images.length > 0) process.stdout.write(`\n${imageTable(images)}\n`);
    if (runtimes.length > 0) process.stdout.write(`\n${runtimeTable(runtimes)}\n`);
    const file = options.json ?? join(projectRoot, 'dist/bench.json');
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(
      file,
      JSON.stringify(
        { machine, dockerd: version, date: new Date().toISOString(), rounds: options.rounds, rows, images, runtimes, notes },
        null,
        2,
      ),
    );
    process.stdout.write(`\nJSON: ${file}\n`);
  } finally {
    for (const registry of registries) registry.kill();
    for (const engine of engines) await engine.destroy();
    rmSync(work, { recursive: true, force: true });
  }
}

function summarize(name: string, samples: { gantry: number[]; dockerd: number[] }): Row {
  const warm = (list: number[]): number[] => (list.length > 2 ? list.slice(1) : list);
  const gantry = median(warm(samples.gantry));
  const dockerd = median(warm(samples.dockerd));
  const first = { gantry: samples.gantry[0] ?? Number.NaN, dockerd: samples.dockerd[0] ?? Number.NaN };
  return {
    name,
    unit: 'ms',
    gantry,
    dockerd,
    ratio: gantry / dockerd,
    first: { ...first, ratio: first.gantry / first.dockerd },
    p10: { gantry: quantile(warm(samples.gantry), 0.1), dockerd: quantile(warm(samples.dockerd), 0.1) },
  };
}

const mine =
  (engine: Engine) =>
  (cmdline: string): boolean =>
    cmdline.includes(engine.folder) && !cmdline.startsWith('docker-registry') && !/^\S*gantry-native /.test(cmdline);

function idleMemory(gantry: Engine, dockerd: Engine): Row {
  return memoryRow('idle services, PSS (gantry in one process)', pss(mine(gantry)).mib, pss(mine(dockerd)).mib);
}

async function containerMemory(gantry: Engine, dockerd: Engine): Promise<Row[]> {
  const count = 20;
  const grown: number[] = [];
  for (const engine of [gantry, dockerd]) {
    const before = pss(mine(engine)).mib + monitors(engine);
    for (let i = 0; i < count; i++) await engine.docker(['run', '-d', 'busybox', 'sleep', '6000']);
    grown.push((pss(mine(engine)).mib + monitors(engine) - before) / count);
    const ids = (await engine.docker(['ps', '-aq'])).stdout.split('\n').filter(Boolean);
    await engine.docker(['rm', '-f', ...ids], { timeout: 300_000 });
  }
  const idle = memoryRow('an idle container, PSS of its monitor or shim', grown[0] ?? 0, grown[1] ?? 0);
  const separate = await startEngine('gantry', { separate: true, memoryRun: true });
  const apart = pss(mine(separate)).mib;
  await separate.destroy();
  return [idle, memoryRow('idle services, PSS (gantry in separate processes)', apart, pss(mine(dockerd)).mib)];
}

/** Monitors are forked by the helper and carry its command line: the state files of the tasks name them. */
function monitors(engine: Engine): number {
  if (engine.kind !== 'gantry') return 0;
  const pids = new Set<string>();
  const tasks = join(engine.run, 'tasks');
  for (const namespace of list(tasks)) {
    for (const id of list(join(tasks, namespace))) {
      try {
        pids.add(
          String((JSON.parse(readFileSync(join(tasks, namespace, id, 'monitor.json'), 'utf8')) as { monitor_pid: number }).monitor_pid),
        );
      } catch {
        // not a task, or one that is just ending
      }
    }
  }
  return pssOf(pids);
}

function list(folder: string): string[] {
  return existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder) : [];
}

function memoryRow(name: string, gantry: number, dockerd: number): Row {
  const row = { name, unit: 'MiB', gantry, dockerd, ratio: gantry / dockerd };
  print(row);
  return row;
}

function print(row: Row): void {
  process.stdout.write(
    `${row.name}: gantry ${figure(row.gantry, 1)} ${row.unit}, dockerd ${figure(row.dockerd, 1)} ${row.unit}, ratio ${figure(row.ratio, 2)}${row.growth === undefined ? '' : `; memory grows by ${grown(row.growth)}`}\n`,
  );
}

/** `-` for what was not measured. */
const figure = (value: number, digits: number): string => (Number.isNaN(value) ? '-' : value.toFixed(digits));

const grown = ({ gantry, dockerd }: { gantry: number; dockerd: number }): string =>
  `${gantry.toFixed(0)} MiB, ${dockerd.toFixed(0)} MiB, ${(gantry / dockerd).toFixed(2)}`;

function table(rows: Row[], version: string, machine: string): string {
  const head = `${machine}; ${readFileSync('/etc/os-release', 'utf8').match(/PRETTY_NAME="(.*)"/)?.[1] ?? ''}; dockerd ${version}\n\n| case | gantry | dockerd | ratio | first run, ratio | memory grows by: gantry, dockerd, ratio |\n|---|---|---|---|---|---|\n`;
  return (
    head +
    rows
      .map(
        (row) =>
          `| ${row.name} | ${figure(row.gantry, 1)} ${row.unit} | ${figure(row.dockerd, 1)} ${row.unit} | **${figure(row.ratio, 2)}** | ${figure(row.first?.ratio ?? Number.NaN, 2)} | ${row.growth ? grown(row.growth) : '-'} |`,
      )
      .join('\n')
  );
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
