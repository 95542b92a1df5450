import type { LogMessage } from '../driver';
import type { SyslogFormat } from './options';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const SEVERITY = { stdout: 6, stderr: 3 } as const;

export interface SyslogHeader {
  readonly format: SyslogFormat;
  readonly facility: number;
  readonly hostname: string;
  readonly tag: string;
  readonly pid: number;
  /** Each message with its length before it, as RFC 5425 has it. */
  readonly counted: boolean;
}

/** One message as it travels. Its time is that of the line, however late it is sent. */
export function syslogMessage(header: SyslogHeader, { stream, line, time }: LogMessage): Buffer {
  const { format, hostname, tag, pid } = header;
  const priority = (header.facility << 3) | SEVERITY[stream];
  const head = {
    '': () => `<${priority}>${stamp(time)} ${tag}[${pid}]: `,
    rfc3164: () => `<${priority}>${stamp(time)} ${hostname} ${tag}[${pid}]: `,
    rfc5424: () => `<${priority}>1 ${zoned(time, 0)} ${hostname} ${tag} ${pid} ${tag} - `,
    rfc5424micro: () => `<${priority}>1 ${zoned(time, 6)} ${hostname} ${tag} ${pid} ${tag} - `,
  }[format]();
  const message = Buffer.from(`${head}${line}\n`);
  return header.counted ? Buffer.concat([Buffer.from(`${message.length} `), message]) : message;
}

const two = (value: number): string => String(value).padStart(2, '0');
const clock = (date: Date): string => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** `Jan _2 15:04:05`, local time. */
function stamp(time: string): string {
  const date = new Date(time);
  return `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${clock(date)}`;
}

/** RFC 3339 in local time, with so many digits of a second. */
function zoned(time: string, digits: number): string {
  const date = new Date(time);
  const fraction = digits === 0 ? '' : `.${(/\.(\d+)/.exec(time)?.[1] ?? '').padEnd(digits, '0').slice(0, digits)}`;
  const offset = -date.getTimezoneOffset();
  const size = Math.abs(offset);
  const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${clock(date)}${fraction}${zone}`;
}
