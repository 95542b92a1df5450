import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pinnedNode, projectRoot } from '../../test-e2e/src/harness/paths';
import { hiddenMount } from '../../packages/shim/src/drivers/hidden-mount';
import { ShimFixture } from '../../packages/shim/src/testing/shim-fixture';
import { median, timed } from './measure';

export interface RuntimeRow {
  readonly name: string;
  /** Milliseconds of one container. */
  readonly ms: number;
}

const BATCH = 10;

/**
 * create + start + delete of one container that runs `true`: through the shim (which also mounts its overlay, keeps its stdio and its log, and
 * waits for its end), and by the binaries themselves, driven by a shell with nothing around. The same spec everywhere.
 */
export async function runtimeRows(rounds: number): Promise<RuntimeRow[]> {
  process.env['GANTRY_NATIVE'] ??= join(projectRoot, 'dist/gantry-native');
  const shim = new ShimFixture();
  const rows: RuntimeRow[] = [];
  try {
    await shim.start();
    await shimOnce(shim);
    rows.push({ name: 'shim, native driver: create + start + wait + delete', ms: await sampled(rounds, () => shimOnce(shim)) });
    const bundle = join(shim.dir, 'bundle');
    mkdirSync(bundle);
    cpSync(join(shim.dir, 'base'), join(bundle, 'rootfs'), { recursive: true, verbatimSymlinks: true });
    const gantry = join(shim.dir, 'gantry-runc');
    writeFileSync(gantry, `#!/bin/sh\nexec ${pinnedNode} ${join(projectRoot, 'dist/lib/gantry/gantry-runc.cjs')} "$@"\n`, { mode: 0o755 });
    for (const [name, binary] of [['crun', '/usr/bin/crun'], ['runc', '/usr/sbin/runc'], ['gantry-runc (a Node start each)', gantry]] as const) {
      if (!existsSync(binary)) continue;
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(shim.spec(`bench-${rows.length}`, { args: ['true'] })));
      const runtime = `${binary} --root ${shim.dir}/state-${rows.length}`;
      const container = '$r create --bundle $b c$i </dev/null >/dev/null && $r start c$i && $r delete --force c$i';
      rows.push({ name: `${name}: create + start + delete`, ms: await sampled(rounds, () => batch(binary, runtime, bundle, container)) / BATCH });
      rows.push({ name: `${name}: run`, ms: await sampled(rounds, () => batch(binary, runtime, bundle, '$r run --bundle $b c$i </dev/null >/dev/null')) / BATCH });
    }
    rmSync(bundle, { recursive: true });
  } finally {
    await shim.remove();
  }
  return rows;
}

async function shimOnce(shim: ShimFixture): Promise<void> {
  const task = await shim.create({ args: ['true'] });
  await shim.startTask(task);
  await shim.wait(task);
  await shim.delete(task);
}

async function sampled(rounds: number, action: () => unknown): Promise<number> {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) samples.push(await timed(async () => { await action(); }));
  return median(samples);
}

/** Several containers one after the other, in one shell, so that no start of ours is in the number. */
function batch(binary: string, runtime: string, bundle: string, container: string): void {
  const hidden = hiddenMount(binary);
  const loop = `r='${runtime}'; b='${bundle}'; i=0; while [ $i -lt ${BATCH} ]; do ${container} || exit 1; i=$((i+1)); done`;
  const argv = hidden === undefined ? ['sh', '-c', loop] : ['unshare', '-m', 'sh', '-c', `umount -l '${hidden}'; ${loop}`];
  execFileSync(argv[0] as string, argv.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });
}

export function runtimeTable(rows: readonly RuntimeRow[]): string {
  const base = rows[0]?.ms ?? Number.NaN;
  return ['| one container | ms | of it, the shim\'s |', '|---|---|---|', ...rows.map(({ name, ms }) => `| ${name} | ${ms.toFixed(1)} | ${(base / ms).toFixed(2)} |`)].join('\n');
}
