import type { CgroupManager } from '../cgroup/contract';
import type { Logger } from './log';

/** What every verb gets: the global flags, made into things. */
export interface Context {
  /** Directory of the containers' states. */
  readonly root: string;
  readonly log: Logger;
  /** Absolute path of the C program. */
  readonly native: string;
  readonly cgroups: CgroupManager;
  readonly print: (text: string) => void;
}

/** One command: its words, and the exit status. */
export interface Verb {
  readonly usage: string;
  readonly help: string;
  readonly run: (context: Context, words: readonly string[]) => Promise<number>;
}
