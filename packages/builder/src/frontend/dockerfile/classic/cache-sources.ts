import type { KnownStep, KnownSteps } from './known-steps';

/** The option that has them, as JSON. */
export const CACHE_SOURCES = 'classic-cache-sources';

/** What --cache-from named, each image with those that it was made from, the nearest first. */
export interface CacheSources {
  readonly chains: readonly (readonly string[])[];
  /** All were made here, step by step: what is in none of them counts for nothing. */
  readonly whole: boolean;
}

/** Which of a step's images counts when a build names its sources: as in dockerd the newest of all when a source stands on it, else that of the first source that has one. */
export class SourcedSteps implements Pick<KnownSteps, 'find'> {
  private chains: CacheSources['chains'];

  constructor(
    private readonly known: Pick<KnownSteps, 'find' | 'trees'>,
    private readonly sources: CacheSources,
  ) {
    this.chains = sources.chains;
  }

  /** For the next stage each source counts again. */
  reset(): void {
    this.chains = this.sources.chains;
  }

  find(id: string): readonly KnownStep[] {
    const all = this.known.find(id);
    const [newest] = all;
    const below = newest !== undefined && this.chains.some((chain) => chain.indexOf(newest.image) > 0);
    const theirs = this.chains.flatMap((chain) => this.known.find(id, chain));
    return [...(below ? [newest] : []), ...theirs, ...(this.sources.whole ? [] : all)];
  }

  /** Trees of what still counts: a command that was done several times came to as many. */
  trees(): readonly string[] {
    return this.known.trees(this.chains.flat());
  }

  /** A source in whose midst an image was found is the only one from there on: what comes next was made from it. */
  found({ image }: Pick<KnownStep, 'image'>): void {
    const chain = this.chains.find((each) => each.includes(image));
    if (chain !== undefined && chain[0] !== image) this.chains = [chain];
  }
}

export function readCacheSources(text: string | undefined): CacheSources | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as CacheSources);
}
