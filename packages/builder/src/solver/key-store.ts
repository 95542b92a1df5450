/** How a key follows from the key of one input: op digest, which input, which output, which part of the input. */
export interface LinkAt {
  readonly digest: string;
  readonly output: number;
  readonly input: number;
  readonly selector: string;
}

/** A result that a key leads to. */
export interface StoredResult {
  /** Id within its store; for the builder's own store that of the tree's record, and '' for scratch. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly created: number;
}

/**
 * Keys, what follows from them, and what they lead to: the builder's own, durable, or one read from a cache that a client named. A key is a number of its store. A step without inputs
 * has a root key, known by its digest alone, and so has the digest of files that a step looks at. Every other key is known by links from the keys of the inputs: one that is
 * linked from a key of each input is a key of the step. Everything answers at once.
 */
export interface KeyStore {
  /** Newest first among stores; the builder's own is asked first. */
  readonly name: string;
  root(digest: string, output: number): number | undefined;
  follow(from: number, link: LinkAt): readonly number[];
  /** Whether any key of steps with this digest is known. */
  knows(digest: string): boolean;
  results(key: number): readonly StoredResult[];
  /** The result is gone: it is not told again. */
  drop(key: number, result: StoredResult): void;
}

export interface Key {
  /** The key is the digest of files, and no selector narrows it further. */
  readonly content?: true;
  readonly store: KeyStore;
  readonly id: number;
}

export interface FoundResult extends StoredResult {
  readonly key: Key;
}

/** What is known of an output without doing anything: keys it goes by, and results, newest first. */
export interface Found {
  readonly keys: readonly Key[];
  readonly results: readonly FoundResult[];
}

export const nothing: Found = { keys: [], results: [] };
