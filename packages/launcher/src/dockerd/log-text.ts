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

/** By level: grey, yellow, red; all else is blue. */
const COLOURS: Readonly<Record<string, number>> = { trace: 37, debug: 37, warn: 33, error: 31, fatal: 31 };
const BLUE = 36;
/** Messages are followed by their fields, below one another. */
const MESSAGE_WIDTH = 44;

/**
 * Where loggers write whose lines shall look as dockerd's: `time="…" level=info msg="…" service=gateway`, on a terminal, unless logs are to be raw, coloured:
 * `INFO[…] … service=gateway`.
 */
export const textLog = (
  write: (text: string) => void = (text) => void writeSync(2, text),
  colours = false,
): { write(line: string): void } => ({
  write(line) {
    const { level, time, msg, err, ...fields } = JSON.parse(line) as Line;
    const told = Object.entries({ ...fields, ...(err === undefined ? {} : { error: err.message ?? '' }) })
      .filter(([name]) => !OMITTED.has(name))
      .map(([name, value]) => [name, quoted(typeof value === 'string' ? value : JSON.stringify(value))] as const);
    write(colours ? coloured({ level, time, msg, told }) : plain({ level, time, msg, told }));
  },
});

interface Told extends Pick<Line, 'level' | 'time' | 'msg'> {
  readonly told: readonly (readonly [string, string])[];
}

const plain = ({ level, time, msg, told }: Told): string =>
  `time=${JSON.stringify(time)} level=${LEVELS[level] ?? level} msg=${JSON.stringify(msg)}${told.map(([name, value]) => ` ${name}=${value}`).join('')}\n`;

function coloured({ level, time, msg, told }: Told): string {
  const paint = (text: string): string => `\x1b[${COLOURS[level] ?? BLUE}m${text}\x1b[0m`;
  const word = (LEVELS[level] ?? level).toUpperCase().slice(0, 4);
  return `${paint(word)}[${time}] ${msg.padEnd(MESSAGE_WIDTH)} ${told.map(([name, value]) => ` ${paint(name)}=${value}`).join('')}\n`;
}

const quoted = (text: string): string => (/^[\w./@^+-]+$/.test(text) ? text : JSON.stringify(text));
