import type { FileStat } from './stat';

/** The tree that a transfer writes to. Whoever adds awaits `room` when `full` is set. */
export interface Tree {
  /** A folder, link or node. */
  put(stat: FileStat): void;
  /** The path's bytes, one a character. */
  remove(path: string): void;
  /** Of a folder in which something was done. */
  times(stat: FileStat): void;
  readonly full: boolean;
  /** Gives on what was gathered. Rejects when the tree has failed. */
  room(): Promise<void>;
  /** Resolves when all is done. */
  end(): Promise<void>;
  /** Resolves when nothing is done any more. */
  kill(): Promise<void>;
}

export interface Expected {
  readonly raw: Buffer;
  readonly done: (digest: Buffer) => void;
  /** Digest of what is there already under the same stat. When a small file comes with it, nothing is written. */
  readonly known?: Buffer;
  /** The file is written although its digest was known. */
  readonly changed?: () => void;
}

/** Contents that the client is asked for. */
export interface Contents {
  readonly outstanding: number;
  /** Asks for a file's content, by its number; `done` is told of it when all has come. */
  expect(id: number, expected: Expected): void;
  /** A piece of a file that came as a message; an empty one ends it. A promise where the next piece has to wait. */
  take(id: number, data: Buffer): Promise<void> | undefined;
}

/** What a transfer is told outside of its messages. */
export interface Hooks {
  /** Nothing is outstanding any more. */
  readonly drained: () => void;
  readonly failed: (error: Error) => void;
}
