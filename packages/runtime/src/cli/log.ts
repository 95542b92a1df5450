import { appendFileSync } from 'node:fs';

export interface Logger {
  /** Only with --debug; what is dear to find out is given as a function. */
  readonly debug: (message: string | (() => string)) => void;
  readonly error: (message: string) => void;
  /** What the program would have said itself: on stderr without time and level, and in the file of --log. */
  readonly bare: (message: string) => void;
  readonly warn: (message: string) => void;
}

/**
 * Where callers look for the reason of a failure: the file of --log in runc's form (JSON lines or logfmt), and stderr. A log that cannot
 * be written never hides the error.
 */
export function createLogger(
  { path, format, debug }: { path: string | undefined; format: 'text' | 'json'; debug: boolean },
  stderr: (text: string) => void,
): Logger {
  const write = (level: string, message: string) => {
    const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const line = (json: boolean) =>
      json ? `${JSON.stringify({ level, msg: message, time })}\n` : `time="${time}" level=${level} msg=${JSON.stringify(message)}\n`;
    if (path === undefined) {
      stderr(line(format === 'json'));
      return;
    }
    try {
      appendFileSync(path, line(format === 'json'), { mode: 0o644 });
    } catch (error) {
      stderr(line(false) + `log "${path}": ${String(error)}\n`);
      return;
    }
    if (level === 'error') stderr(`${message}\n`);
  };
  return {
    debug: (message) => {
      if (debug) write('debug', typeof message === 'string' ? message : message());
    },
    bare: (message) => {
      if (path === undefined) stderr(`${message}\n`);
      else write('error', message);
    },
    error: (message) => {
      write('error', message);
    },
    warn: (message) => {
      write('warning', message);
    },
  };
}
