import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pinnedNode, projectRoot } from '../../../test-e2e/src/harness/paths';
import { criCases, type Told } from './cases';
import { containerdPeer, type CriPeer, gantryPeer, type Images } from './peers';
import { medians, type Sample } from './sample';

export interface CriRow extends Omit<Told, 'samples'> {
  readonly gantry: Sample;
  /** NaN: there was none to measure beside. */
  readonly containerd: Sample;
}

interface CriRun {
  readonly rounds: number;
  readonly work: string;
  /** Names of cases; empty: all. */
  readonly only: readonly string[];
  say(line: string): void;
}

/** Kubernetes' pods beside containerd 2.1 with runc, in turns, by one client. */
export async function criRows(options: CriRun): Promise<CriRow[]> {
  const unknown = options.only.find((name) => criCases[name] === undefined);
  if (unknown !== undefined) throw new Error(`unknown case "${unknown}" of cri: ${Object.keys(criCases).join(', ')}`);
  const images = imagesIn(options.work);
  const programs = containerdPrograms();
  if (programs === undefined)
    options.say('SKIPPED: containerd 2.1 or newer is not on the PATH nor in GANTRY_CONTAINERD: only our own numbers follow');
  const peers: CriPeer[] = [];
  try {
    peers.push(await gantryPeer(images));
    if (programs !== undefined) peers.push(await containerdPeer(programs, images));
    const rows: CriRow[] = [];
    for (const [name, run] of Object.entries(criCases)) {
      if (options.only.length > 0 && !options.only.includes(name)) continue;
      for (const { samples, ...told } of await run(peers, options.rounds)) {
        const row = { ...told, gantry: medians(samples.gantry), containerd: medians(samples.containerd) };
        rows.push(row);
        options.say(criLine(row));
      }
    }
    return rows;
  } finally {
    for (const peer of peers) await peer.destroy();
  }
}

function imagesIn(work: string): Images {
  const make = (name: string, ...more: string[]): string => {
    const out = join(work, `${name}.tar`);
    const args = [join(projectRoot, 'tools/make-image.mjs'), '--out', out, '--name', `docker.io/library/${name}:latest`, ...more];
    execFileSync(pinnedNode, args);
    return out;
  };
  return { workload: make('busybox'), pause: make('pause', '--entrypoint', 'sleep 2147483647') };
}

/** The folder of a containerd that has this CRI; undefined: there is none. */
function containerdPrograms(): string | undefined {
  const folders = [process.env['GANTRY_CONTAINERD'] ?? '', ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.find((folder) => {
    const program = join(folder, 'containerd');
    if (folder === '' || !existsSync(program)) return false;
    const [, major, minor] = /\sv?(\d+)\.(\d+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' })) ?? [];
    return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 1);
  });
}

const ratio = ({ gantry, containerd }: CriRow, of: keyof Sample): string => {
  const value = gantry[of] / containerd[of];
  return Number.isNaN(value) ? '-' : value.toFixed(2);
};
const figure = (value: number, unit: string): string => (Number.isNaN(value) ? '-' : `${value.toFixed(1)} ${unit}`);

const criLine = (row: CriRow): string =>
  `${row.name}: gantry ${figure(row.gantry.value, row.unit)}, containerd ${figure(row.containerd.value, row.unit)}, ratio ${ratio(row, 'value')}, goal ${row.goal}; processor ${figure(row.gantry.cpu, 'ms')}, ${figure(row.containerd.cpu, 'ms')}, ${ratio(row, 'cpu')}`;

export function criTable(rows: readonly CriRow[]): string {
  const head =
    "| Kubernetes' pods | gantry | containerd 2.1, runc | ratio | goal | processor: gantry | containerd | ratio |\n|---|---|---|---|---|---|---|---|\n";
  const line = (row: CriRow): string =>
    `| ${row.name} | ${figure(row.gantry.value, row.unit)} | ${figure(row.containerd.value, row.unit)} | **${ratio(row, 'value')}** | ${row.goal} | ${figure(row.gantry.cpu, 'ms')} | ${figure(row.containerd.cpu, 'ms')} | ${ratio(row, 'cpu')} |`;
  return head + rows.map(line).join('\n');
}
