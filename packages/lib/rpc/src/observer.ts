import type { ErrorKind } from './errors';

export interface FinishedCall {
  /** `/package.Service/Method`. */
  readonly method: string;
  readonly outcome: 'ok' | ErrorKind;
  readonly seconds: number;
}

/** Told of every served call; lib/service turns it into Prometheus metrics. */
export interface CallObserver {
  started(method: string): void;
  finished(call: FinishedCall): void;
}
