import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { criContext as ctx } from '../../../test-e2e/src/harness/cri';
import { pinnedNode, projectRoot } from '../../../test-e2e/src/harness/paths';
import { median, pssOf, timed } from '../measure';
import { available } from './memory';
import { containerdPeer, type CriPeer, gantryPeer, type Images } from './peers';
import { endPod, type Started, startPod } from './pods';

export interface CriRow {
  readonly name: string;
  readonly unit: 'ms' | 'MiB';
  readonly gantry: number;
  /** NaN: there was none to measure beside. */
  readonly containerd: number;
  /** What the ratio shall be at most. */
  readonly goal: number;
}

const AT_ONCE = 20;
const PODS_LISTED = 50;
const CONTAINERS_EACH = 10;
/** kubelet's own limit for a node. */
const PODS_HELD = 110;

/** Kubernetes' pods beside containerd 2.1 with runc, in turns, by one client. */
export async function criRows(options: { readonly rounds: number; readonly work: string; say(line: string): void }): Promise<CriRow[]> {
  const images = imagesIn(options.work);
  const programs = containerdPrograms();
  if (programs === undefined)
    options.say('SKIPPED: containerd 2.1 or newer is not on the PATH nor in GANTRY_CONTAINERD: only our own numbers follow');
  const peers: CriPeer[] = [];
  try {
    peers.push(await gantryPeer(images));
    if (programs !== undefined) peers.push(await containerdPeer(programs, images));
    const rows: CriRow[] = [];
    const add = (name: string, goal: number, samples: Samples, unit: CriRow['unit'] = 'ms'): void => {
      const row = { name, goal, unit, gantry: median(samples.gantry), containerd: median(samples.containerd) };
      rows.push(row);
      options.say(criLine(row));
    };
    const { started, ended } = await oneByOne(peers, options.rounds);
    add('pod, container, start', 0.25, started);
    add('stop and remove them', 0.25, ended);
    add(`${AT_ONCE} at once`, 0.2, await atOnce(peers, Math.max(2, Math.round(options.rounds / 5))));
    const listed = await lists(peers, options.rounds);
    add(`ListContainers of ${PODS_LISTED * CONTAINERS_EACH}`, 0.3, listed.containers);
    add(`ListPodSandboxStats of ${PODS_LISTED} pods with them`, 0.3, listed.stats);
    const held = await memory(peers);
    add(`${PODS_HELD} pods of one container: PSS but the workload's`, 0.15, held.pss, 'MiB');
    add(`${PODS_HELD} pods of one container: fall of MemAvailable`, 0.15, held.fall, 'MiB');
    return rows;
  } finally {
    for (const peer of peers) await peer.destroy();
  }
}

type Samples = Record<CriPeer['name'], number[]>;
const none = (): Samples => ({ gantry: [], containerd: [] });
const inTurns = (peers: readonly CriPeer[], round: number): readonly CriPeer[] => (round % 2 === 0 ? peers : [...peers].reverse());

async function oneByOne(peers: readonly CriPeer[], rounds: number): Promise<{ started: Samples; ended: Samples }> {
  const started = none();
  const ended = none();
  for (let round = -2; round < rounds; round++)
    for (const peer of inTurns(peers, round)) {
      let pod: Started = { pod: '', containers: [] };
      const start = await timed(async () => (pod = await startPod(peer, `one${round}`)));
      const end = await timed(() => endPod(peer.cri, pod));
      if (round < 0) continue; // both are warm then
      started[peer.name].push(start);
      ended[peer.name].push(end);
    }
  return { started, ended };
}

async function atOnce(peers: readonly CriPeer[], rounds: number): Promise<Samples> {
  const samples = none();
  for (let round = 0; round < rounds; round++)
    for (const peer of inTurns(peers, round)) {
      let pods: Started[] = [];
      const names = Array.from({ length: AT_ONCE }, (_, i) => `many${round}-${i}`);
      samples[peer.name].push(await timed(async () => (pods = await Promise.all(names.map((name) => startPod(peer, name))))));
      for (const pod of pods) await endPod(peer.cri, pod);
    }
  return samples;
}

async function lists(peers: readonly CriPeer[], rounds: number): Promise<{ containers: Samples; stats: Samples }> {
  const containers = none();
  const stats = none();
  const pods = new Map<CriPeer, Started[]>();
  for (const peer of peers) pods.set(peer, await podsOf(peer, PODS_LISTED, CONTAINERS_EACH));
  for (let round = 0; round < rounds; round++)
    for (const peer of inTurns(peers, round)) {
      const { runtime } = peer.cri;
      containers[peer.name].push(await timed(async () => counted(await runtime.listContainers(ctx, { filter: undefined }))));
      stats[peer.name].push(await timed(() => runtime.listPodSandboxStats(ctx, { filter: undefined })));
    }
  for (const peer of peers) for (const pod of pods.get(peer) ?? []) await endPod(peer.cri, pod);
  return { containers, stats };
}

/** What a list leaves out would make it fast. */
function counted({ containers }: { readonly containers: readonly unknown[] }): void {
  const wanted = PODS_LISTED * CONTAINERS_EACH;
  if (containers.length !== wanted) throw new Error(`${containers.length} containers are listed, not ${wanted}`);
}

async function memory(peers: readonly CriPeer[]): Promise<{ pss: Samples; fall: Samples }> {
  const pss = none();
  const fall = none();
  for (const peer of peers) {
    const before = available();
    const pods = await podsOf(peer, PODS_HELD, 1);
    fall[peer.name].push(before - available());
    pss[peer.name].push(pssOf(peer.processes()));
    for (const pod of pods) await endPod(peer.cri, pod);
  }
  return { pss, fall };
}

async function podsOf(peer: CriPeer, count: number, containers: number): Promise<Started[]> {
  const pods: Started[] = [];
  for (let i = 0; i < count; i++) pods.push(await startPod(peer, `held${count}-${i}`, containers));
  return pods;
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

const ratioOf = ({ gantry, containerd }: CriRow): string => (gantry / containerd).toFixed(2);

const criLine = (row: CriRow): string =>
  `${row.name}: gantry ${row.gantry.toFixed(1)} ${row.unit}, containerd ${row.containerd.toFixed(1)} ${row.unit}, ratio ${ratioOf(row)}, goal ${row.goal}`;

export function criTable(rows: readonly CriRow[]): string {
  const head = "| Kubernetes' pods | gantry | containerd 2.1, runc | ratio | goal |\n|---|---|---|---|---|\n";
  const line = (row: CriRow): string =>
    `| ${row.name} | ${row.gantry.toFixed(1)} ${row.unit} | ${row.containerd.toFixed(1)} ${row.unit} | **${ratioOf(row)}** | ${row.goal} |`;
  return head + rows.map(line).join('\n');
}
