import type { CgroupManager } from '../cgroup/contract';
import type { Logger } from './log';

/** Who calls, and from where: of this process, or of the one that a planner speaks with. */
export interface Caller {
  /** The command line without the program's name. */
  readonly words: readonly string[];
  /** Absolute; relative paths of the command line count from here. */
  readonly cwd: string;
  readonly pid: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What update reads its limits from, when it was asked to. */
  readonly stdin?: string;
}

/** What a launch needs beside its plan. */
export interface Wish {
  /** Directory for start.sock: the process waits for start there, and the launcher leaves. */
  readonly listen?: string;
  readonly terminal: boolean;
  readonly consoleSocket?: string;
  /** Unix socket that gets a pidfd of the process. */
  readonly pidfdSocket?: string;
  readonly preserveFds: number;
  readonly rows?: number;
  readonly columns?: number;
}

/** Who makes processes: the caller, so that they are its children. */
export interface Launcher {
  /** Process id of a process that waits for start. */
  readonly create: (wish: Wish, plan: Uint8Array) => Promise<number>;
  readonly start: () => Promise<void>;
  readonly print: (type: 'O' | 'E', text: string) => void;
}

/** What every verb gets: the global flags, made into things. */
export interface Context {
  /** Directory of the containers' states. */
  readonly root: string;
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
  readonly caller: Caller;
  readonly print: (text: string) => void;
}

/** One command: its words, and the exit status. */
export interface Verb {
  readonly usage: string;
  readonly help: string;
  readonly run: (context: Context, words: readonly string[]) => Promise<number>;
}

/** One whose process the caller makes: with `wait` it is left to the caller, and so is the exit status. */
export interface PlannedVerb {
  readonly usage: string;
  readonly help: string;
  readonly plan: (context: Context, words: readonly string[], launcher: Launcher) => Promise<number | 'wait'>;
}
