import type { CgroupManager } from '../cgroup/contract';
import type { Logger } from './log';

/** What every verb gets: the global flags, made into things. */
export interface Context {
  /** Directory of the containers' states. */
  readonly root: string;
  /** It was named by the caller. */
  readonly rootGiven: boolean;
  readonly log: Logger;
  /** Absolute path of the C program. */
  readonly native: string;
  readonly cgroups: CgroupManager;
  /** The caller is not root: cgroups are used where they may be, ids are mapped by the caller or by newuidmap. */
  readonly rootless: boolean;
  /** Name or path of criu. */
  readonly criu: string;
  /** How many sockets the service manager handed to us from descriptor 3 on (sd_listen_fds(3)). */
  readonly listenFds: number;
  /** Where the service manager wants to hear that the container is ready (sd_notify(3)). */
  readonly notifySocket: string | undefined;
  readonly print: (text: string) => void;
}

/** One command: its words, and the exit status. */
export interface Verb {
  readonly usage: string;
  readonly help: string;
  readonly run: (context: Context, words: readonly string[]) => Promise<number>;
}
