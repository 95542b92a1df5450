export interface LogFn {
  (fields: object, message?: string): void;
  (message: string): void;
}

/** What this code needs of a logger; a pino logger satisfies it. */
export interface Logger {
  readonly trace: LogFn;
  readonly debug: LogFn;
  readonly info: LogFn;
  readonly warn: LogFn;
  readonly error: LogFn;
}

const nothing: LogFn = () => undefined;

/** For tests and for callers without a log. */
export const silentLogger: Logger = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };
