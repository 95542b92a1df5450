import { setTimeout as sleep } from 'node:timers/promises';
import { criContext as ctx } from '../../../test-e2e/src/harness/cri';
import { pssOf } from '../measure';
import { available } from './memory';
import type { CriPeer } from './peers';
import { endPod, endPods, podsOf, type Started, startPod } from './pods';
import { inTurns, none, sampled, type Samples } from './sample';

/** What one case tells. */
export interface Told {
  readonly name: string;
  readonly unit: 'ms' | 'MiB';
  /** What the ratio shall be at most. */
  readonly goal: number;
  readonly samples: Samples;
}

const AT_ONCE = 20;
const PODS_LISTED = 50;
const CONTAINERS_EACH = 10;
/** kubelet's own limit for a node. */
const PODS_HELD = 110;
/** Milliseconds after the last start in which an engine may give back what only the starts took: what it holds for the pods is the rest. */
const REST = 30_000;

type Case = (peers: readonly CriPeer[], rounds: number) => Promise<Told[]>;

/** By what `--only 'cri: NAME'` takes; the short ones first, so that a run that is ended has told most. */
export const criCases: Readonly<Record<string, Case>> = { one: oneByOne, 'at once': atOnce, memory, lists };

async function oneByOne(peers: readonly CriPeer[], rounds: number): Promise<Told[]> {
  const started = none();
  const ended = none();
  for (let round = -2; round < rounds; round++)
    for (const peer of inTurns(peers, round)) {
      let pod: Started = { pod: '', containers: [] };
      const start = await sampled(peer, async () => (pod = await startPod(peer, `one${round}`)));
      const end = await sampled(peer, () => endPod(peer.cri, pod));
      if (round < 0) continue; // both are warm then
      started[peer.name].push(start);
      ended[peer.name].push(end);
    }
  return [
    { name: 'pod, container, start', unit: 'ms', goal: 0.25, samples: started },
    { name: 'stop and remove them', unit: 'ms', goal: 0.25, samples: ended },
  ];
}

async function atOnce(peers: readonly CriPeer[], rounds: number): Promise<Told[]> {
  const samples = none();
  for (let round = -1; round < Math.max(2, Math.round(rounds / 3)); round++)
    for (const peer of inTurns(peers, round)) {
      let pods: Started[] = [];
      const names = Array.from({ length: AT_ONCE }, (_, i) => `many${round}-${i}`);
      const sample = await sampled(peer, async () => (pods = await Promise.all(names.map((name) => startPod(peer, name)))));
      if (round >= 0) samples[peer.name].push(sample);
      await endPods(peer.cri, pods);
    }
  return [{ name: `${AT_ONCE} at once`, unit: 'ms', goal: 0.2, samples }];
}

async function lists(peers: readonly CriPeer[], rounds: number): Promise<Told[]> {
  const containers = none();
  const stats = none();
  const pods = new Map<CriPeer, Started[]>();
  for (const peer of peers) pods.set(peer, await podsOf(peer, PODS_LISTED, CONTAINERS_EACH));
  for (let round = -1; round < rounds; round++)
    for (const peer of inTurns(peers, round)) {
      const { runtime } = peer.cri;
      const listed = await sampled(peer, async () => counted(await runtime.listContainers(ctx, { filter: undefined })));
      const told = await sampled(peer, () => runtime.listPodSandboxStats(ctx, { filter: undefined }));
      if (round < 0) continue;
      containers[peer.name].push(listed);
      stats[peer.name].push(told);
    }
  for (const peer of peers) await endPods(peer.cri, pods.get(peer) ?? []);
  return [
    { name: `ListContainers of ${PODS_LISTED * CONTAINERS_EACH}`, unit: 'ms', goal: 0.3, samples: containers },
    { name: `ListPodSandboxStats of ${PODS_LISTED} pods with them`, unit: 'ms', goal: 0.3, samples: stats },
  ];
}

/** What a list leaves out would make it fast. */
function counted({ containers }: { readonly containers: readonly unknown[] }): void {
  const wanted = PODS_LISTED * CONTAINERS_EACH;
  if (containers.length !== wanted) throw new Error(`${containers.length} containers are listed, not ${wanted}`);
}

async function memory(peers: readonly CriPeer[]): Promise<Told[]> {
  const pss = none();
  const rest = none();
  const fall = none();
  for (const peer of peers) {
    const before = available();
    const pods = await podsOf(peer, PODS_HELD, 1);
    fall[peer.name].push({ value: before - available(), cpu: Number.NaN });
    pss[peer.name].push({ value: pssOf(peer.processes()), cpu: Number.NaN });
    await sleep(REST);
    rest[peer.name].push({ value: pssOf(peer.processes()), cpu: Number.NaN });
    await endPods(peer.cri, pods);
  }
  const name = `${PODS_HELD} pods of one container`;
  return [
    { name: `${name}: PSS but the workload's, right after the last`, unit: 'MiB', goal: 0.15, samples: pss },
    { name: `${name}: PSS but the workload's, at rest`, unit: 'MiB', goal: 0.15, samples: rest },
    { name: `${name}: fall of MemAvailable`, unit: 'MiB', goal: 0.15, samples: fall },
  ];
}
