import { writeSync } from 'node:fs';

interface Line {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
  readonly err?: { readonly message?: string };
  readonly [field: string]: unknown;
}

const LEVELS: Readonly<Record<string, string>> = { warn: 'warning', trace: 'debug' };
const OMITTED = new Set(['level', 'time', 'msg', 'err', 'version', 'trace_id', 'span_id', 'operation_id']);

/** Where loggers write whose lines shall look as dockerd's: `time="…" level=info msg="…" service=gateway`. */
export const textLog = (write: (text: string) => void = (text) => void writeSync(2, text)): { write(line: string): void } => ({
  write(line) {
    const { level, time, msg, err, ...fields } = JSON.parse(line) as Line;
    const rest = Object.entries({ ...fields, ...(err === undefined ? {} : { error: err.message ?? '' }) })
      .filter(([name]) => !OMITTED.has(name))
      .map(([name, value]) => ` ${name}=${quoted(typeof value === 'string' ? value : JSON.stringify(value))}`);
    write(`time=${JSON.stringify(time)} level=${LEVELS[level] ?? level} msg=${JSON.stringify(msg)}${rest.join('')}\n`);
  },
});

const quoted = (text: string): string => (/^[\w./@^+-]+$/.test(text) ? text : JSON.stringify(text));
