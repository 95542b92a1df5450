import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { command } from '../../../test-e2e/src/harness/command';
import { startContainerd } from '../../../test-e2e/src/harness/containerd';
import type { Engine } from '../../../test-e2e/src/harness/engine';
import { median, timed } from '../measure';
import { ctrPeer, dockerPeer, type Peer, type PeerName } from './peers';
import { type BenchRegistry, startRegistry } from './registry';
import { makeArchive, type Shape } from './shapes';

export const VERBS = ['load', 'pull', 'push', 'first unpack', 'rmi'] as const;
export type Verb = (typeof VERBS)[number];

interface Sample {
  readonly ms: number;
  readonly cpuMs: number;
}

export interface ImageRow {
  readonly shape: string;
  readonly verb: Verb;
  /** Medians; absent where a peer has no such verb. */
  readonly ms: Partial<Record<PeerName, number>>;
  readonly cpuMs: Partial<Record<PeerName, number>>;
}

const SOURCE = 5100;
const TARGET = 5101;

/**
 * The same images by three engines, in turns: loaded from a docker archive of plain layers, pulled (unpacking included) from a registry whose gzip layers
 * dockerd pushed, pushed as pulled to an empty registry, the blobs unpacked the first time (by ctr, into containerd and into Gantry), the pulled image
 * removed. The first round warms up when there are more than two.
 */
export async function imageRows(
  engines: readonly Engine[],
  wanted: readonly Shape[],
  options: { readonly rounds: number; readonly verbs: readonly Verb[]; readonly work: string },
): Promise<ImageRow[]> {
  const containerd = await startContainerd();
  const registries: BenchRegistry[] = [];
  const rows: ImageRow[] = [];
  try {
    const peers = [...engines.map(dockerPeer), await ctrPeer(containerd)];
    const folder = join(options.work, 'images');
    const targets = new Map<PeerName, BenchRegistry>();
    mkdirSync(folder);
    for (const peer of peers) {
      registries.push(await startRegistry(peer.netns, SOURCE, join(folder, 'source')));
      const target = await startRegistry(peer.netns, TARGET, join(folder, `target-${peer.name}`));
      registries.push(target);
      targets.set(peer.name, target);
    }
    for (const shape of wanted) rows.push(...(await oneShape(peers, shape, { ...options, folder, targets })));
  } finally {
    for (const registry of registries) await registry.stop();
    await command('ip', ['netns', 'del', containerd.namespace]);
    await containerd.destroy();
  }
  return rows;
}

async function oneShape(
  peers: readonly Peer[],
  shape: Shape,
  options: {
    readonly rounds: number;
    readonly verbs: readonly Verb[];
    readonly folder: string;
    readonly targets: ReadonlyMap<PeerName, BenchRegistry>;
  },
): Promise<ImageRow[]> {
  const archive = makeArchive(shape, options.folder);
  const source = `127.0.0.1:${SOURCE}/${shape.key}:1`;
  const pusher = peers.find(({ name }) => name === 'dockerd');
  if (pusher === undefined) throw new Error('dockerd makes the gzip layers that all pull');
  await pusher.load(archive);
  await pusher.push(pusher.loaded(shape.key), source);
  await pusher.rmi([pusher.loaded(shape.key), source]);
  const samples = new Map<string, Sample[]>();
  const take = async (peer: Peer, verb: Verb, action: () => Promise<void>): Promise<void> => {
    if (!options.verbs.includes(verb)) return action();
    const before = peer.cpu();
    const ms = await timed(action);
    const key = `${verb} ${peer.name}`;
    const sample = { ms, cpuMs: peer.cpu() - before };
    samples.set(key, [...(samples.get(key) ?? []), sample]);
    if (process.env['BENCH_VERBOSE']) process.stdout.write(`${shape.key} ${key}: ${sample.ms.toFixed(0)} ms, ${sample.cpuMs} cpu ms\n`);
  };
  for (let round = 0; round < options.rounds; round++) {
    for (const verb of VERBS.filter(
      (one) => one !== 'rmi' && (options.verbs.includes(one) || (one === 'pull' && options.verbs.includes('rmi'))),
    )) {
      for (let turn = 0; turn < peers.length; turn++) {
        const peer = peers[(turn + round) % peers.length];
        if (peer !== undefined) await once(peer, verb, { shape, archive, source, round, take, target: options.targets.get(peer.name) });
      }
    }
  }
  rmSync(archive);
  const warm = (list: readonly Sample[]): readonly Sample[] => (list.length > 2 ? list.slice(1) : list);
  return options.verbs.map((verb) => {
    const of = (field: keyof Sample): Partial<Record<PeerName, number>> =>
      Object.fromEntries(
        peers.flatMap(({ name }) => {
          const list = samples.get(`${verb} ${name}`);
          return list === undefined ? [] : [[name, median(warm(list).map((sample) => sample[field]))]];
        }),
      );
    return { shape: shape.name, verb, ms: of('ms'), cpuMs: of('cpuMs') };
  });
}

interface Turn {
  readonly shape: Shape;
  readonly archive: string;
  readonly source: string;
  readonly round: number;
  readonly target: BenchRegistry | undefined;
  readonly take: (peer: Peer, verb: Verb, action: () => Promise<void>) => Promise<void>;
}

/** One verb of one engine, which has nothing of the image before and after. */
async function once(peer: Peer, verb: Verb, { shape, archive, source, round, target, take }: Turn): Promise<void> {
  switch (verb) {
    case 'load':
      await take(peer, verb, () => peer.load(archive));
      await peer.rmi([peer.loaded(shape.key)]);
      return;
    case 'pull':
      await take(peer, verb, () => peer.pull(source));
      await take(peer, 'rmi', () => peer.rmi([source]));
      return;
    case 'push': {
      const to = `127.0.0.1:${TARGET}/${shape.key}-${round}:1`;
      target?.empty();
      await peer.pull(source);
      await take(peer, verb, () => peer.push(source, to));
      await peer.rmi(peer.name === 'ctr' ? [source] : [source, to]);
      return;
    }
    default:
      if (peer.unpack === undefined) return;
      await peer.unpack.fetch(source);
      await take(peer, verb, () => peer.unpack?.run(source) ?? Promise.resolve());
      await peer.unpack.clean(source);
  }
}
