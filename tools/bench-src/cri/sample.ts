import { median, timed } from '../measure';
import type { CriPeer } from './peers';

/** One figure of a case; cpu: processor milliseconds meanwhile, NaN where they tell nothing. */
export interface Sample {
  readonly value: number;
  readonly cpu: number;
}

export type Samples = Record<CriPeer['name'], Sample[]>;

export const none = (): Samples => ({ gantry: [], containerd: [] });

/** A B, B A, …: who comes first is not always the same. */
export const inTurns = (peers: readonly CriPeer[], round: number): readonly CriPeer[] => (round % 2 === 0 ? peers : [...peers].reverse());

export async function sampled(peer: CriPeer, action: () => Promise<unknown>): Promise<Sample> {
  const before = peer.processor();
  const value = await timed(action);
  return { value, cpu: peer.processor() - before };
}

export const medians = (samples: readonly Sample[]): Sample => ({
  value: median(samples.map(({ value }) => value)),
  cpu: median(samples.map(({ cpu }) => cpu)),
});
