import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pinnedNode, projectRoot } from '../../test-e2e/src/harness/paths';
import { monitorsPath } from '../../packages/shim/src/cgroups';
import { hiddenMount } from '../../packages/shim/src/drivers/hidden-mount';
import type { ConnectOptions } from '../../packages/lib/rpc/src/index';
import { ShimFixture } from '../../packages/shim/src/testing/shim-fixture';
import { median, timed } from './measure';

export interface RuntimeRow {
  readonly name: string;
  /** Milliseconds of one container, by the clock. */
  readonly ms: number;
  /** Milliseconds of processor time of one container, user and system: of everybody who takes part, the container included. */
  readonly cpuMs: number;
}

const BATCH = 10;
const WARM = 30;

/**
 * create + start + delete of one container that runs `true`: through the shim (which also mounts its overlay, keeps its stdio and its log, and
 * waits for its end), and by the binaries themselves, driven by a shell with nothing around. The same spec everywhere, bundles made before, run
 * roots and states on a tmpfs as /run is.
 */
export async function runtimeRows(rounds: number): Promise<RuntimeRow[]> {
  process.env['GANTRY_NATIVE'] ??= join(projectRoot, 'dist/gantry-native');
  return [
    await shimRow('shim, native driver: create + start + wait + delete', rounds, {}),
    await shimRow('the same, called over its socket', rounds, { local: false }),
    ...(await binaryRows(rounds)),
  ];
}

/** fn with a shim whose run root is a tmpfs. */
async function withShim<T>(connecting: ConnectOptions, fn: (shim: ShimFixture) => Promise<T>): Promise<T> {
  const shim = new ShimFixture({}, {}, connecting);
  mkdirSync(shim.run);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=0711', 'tmpfs', shim.run]);
  try {
    return await fn(shim);
  } finally {
    await shim.stop();
    execFileSync('umount', [shim.run]);
    await shim.remove();
  }
}

function shimRow(name: string, rounds: number, connecting: ConnectOptions): Promise<RuntimeRow> {
  return withShim(connecting, async (shim) => {
    await shim.start();
    const containers = containersOf(shim);
    for (let i = 0; i < WARM; i++) await shimOnce(shim); // a shim is one long-lived process
    const cpu = (): number => ownCpuMs() + groupCpuMs(monitorsPath(shim.run)) + groupCpuMs(containers);
    const before = cpu();
    const samples: number[] = [];
    for (let i = 0; i < rounds * BATCH; i++) samples.push(await shimOnce(shim));
    return { name, ms: median(samples), cpuMs: (cpu() - before) / (rounds * BATCH) };
  });
}

function binaryRows(rounds: number): Promise<RuntimeRow[]> {
  return withShim({}, async (shim) => {
    const rows: RuntimeRow[] = [];
    const containers = containersOf(shim);
    const bundle = join(shim.run, 'bundle');
    mkdirSync(bundle);
    cpSync(join(shim.dir, 'base'), join(bundle, 'rootfs'), { recursive: true, verbatimSymlinks: true });
    const gantry = join(projectRoot, 'dist/gantry-runc');
    for (const [name, binary] of [
      ['crun', '/usr/bin/crun'],
      ['runc', '/usr/sbin/runc'],
      ['gantry-runc', gantry],
    ] as const) {
      if (!existsSync(binary)) continue;
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(shim.spec(`bench-${rows.length}`, { args: ['true'] })));
      const runtime = `${binary} --root ${shim.run}/state-${rows.length}`;
      const container = '$r create --bundle $b c$i </dev/null >/dev/null && $r start c$i && $r delete --force c$i';
      for (const [what, words] of [
        ['create + start + delete', container],
        ['run', '$r run --bundle $b c$i </dev/null >/dev/null'],
      ] as const) {
        let cpu = -groupCpuMs(containers);
        const took = await sampled(rounds, () => (cpu += batch(binary, runtime, bundle, words)));
        rows.push({ name: `${name}: ${what}`, ms: took / BATCH, cpuMs: (cpu + groupCpuMs(containers)) / (rounds * BATCH) });
      }
    }
    return rows;
  });
}

/** The cgroup above those of the fixture's containers, made. */
function containersOf(shim: ShimFixture): string {
  const path = dirname(shim.spec('x', { args: [] }).linux?.cgroupsPath ?? '/');
  mkdirSync(join(unified, path), { recursive: true });
  return path;
}

/** Milliseconds of one container. */
async function shimOnce(shim: ShimFixture): Promise<number> {
  const prepared = shim.prepare({ args: ['true'] });
  return timed(async () => {
    const task = await shim.createFrom(prepared);
    await shim.startTask(task);
    await shim.wait(task);
    await shim.delete(task);
  });
}

async function sampled(rounds: number, action: () => unknown): Promise<number> {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++)
    samples.push(
      await timed(async () => {
        await action();
      }),
    );
  return median(samples);
}

const unified = existsSync('/sys/fs/cgroup/unified') ? '/sys/fs/cgroup/unified' : '/sys/fs/cgroup';

/** Processor time of a cgroup and of all that it ever held. */
function groupCpuMs(path: string): number {
  return Number(/^usage_usec (\d+)/m.exec(readFileSync(join(unified, path, 'cpu.stat'), 'utf8'))?.[1] ?? Number.NaN) / 1000;
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Several containers one after the other, in one shell, so that no start of ours is in the number. Answers the processor time of the runtime, ms. */
function batch(binary: string, runtime: string, bundle: string, container: string): number {
  const hidden = hiddenMount(binary);
  const loop = `r='${runtime}'; b='${bundle}'; i=0; while [ $i -lt ${BATCH} ]; do ${container} || exit 1; i=$((i+1)); done; times`;
  const argv = hidden === undefined ? ['sh', '-c', loop] : ['unshare', '-m', 'sh', '-c', `umount -l '${hidden}'; ${loop}`];
  const text = execFileSync(argv[0] as string, argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
  const children = text.trim().split('\n').at(-1) ?? ''; // user and system time of the shell's children, such as 0m0.120s 0m0.340s
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000,
    0,
  );
}

export function runtimeTable(rows: readonly RuntimeRow[]): string {
  const base = rows[0] ?? { ms: Number.NaN, cpuMs: Number.NaN };
  const line = ({ name, ms, cpuMs }: RuntimeRow): string =>
    `| ${name} | ${ms.toFixed(1)} | ${(base.ms / ms).toFixed(2)} | ${cpuMs.toFixed(1)} | ${(base.cpuMs / cpuMs).toFixed(2)} |`;
  return ['| one container | ms | the shim to it | processor ms | the shim to it |', '|---|---|---|---|---|', ...rows.map(line)].join('\n');
}
