import type { ExitState } from './state-files';

/** The steps of a process that another program makes and watches. Failures are GantryErrors. */
export interface RemoteProcess {
  /** Whether `wait` may be asked before `start`: yes for init, no for an exec process, which does not exist before. */
  readonly waitsBeforeStart: boolean;
  /** Up to "created"; answers the pid (0 when there is none yet). */
  create(): Promise<number>;
  /** Lets it run; answers the pid. A program that is missing or may not run is an invalidArgument with `meta.exitCode`. */
  start(): Promise<number>;
  signal(signal: number): Promise<void>;
  resize(width: number, height: number): Promise<void>;
  /** Nothing more comes for stdin. */
  closeStdin(): Promise<void>;
  /** Its end, also when the other program itself has ended. Rejects only once `signal` is aborted. */
  wait(signal: AbortSignal): Promise<ExitState>;
  /** Forgets an exec process that has ended; for init the driver's `remove` does it. Never rejects for what is gone. */
  remove(): Promise<void>;
}
