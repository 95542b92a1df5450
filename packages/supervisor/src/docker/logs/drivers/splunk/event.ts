import { hostname } from 'node:os';
import type { LogMessage, LogTarget } from '../driver';
import type { SplunkFormat } from './options';

/** Makes the events of a container; undefined for a line that the collector takes for nothing. */
export function splunkEvents({ options, subject }: LogTarget, format: SplunkFormat): (message: LogMessage) => Buffer | undefined {
  const given = (name: string, key: string): Record<string, string> => ((options[name] ?? '') === '' ? {} : { [key]: options[name] ?? '' });
  const common = JSON.stringify({
    host: hostname(),
    ...given('splunk-source', 'source'),
    ...given('splunk-sourcetype', 'sourcetype'),
    ...given('splunk-index', 'index'),
  }).slice(1);
  const tag = options['tag'] === '' ? '' : subject.tag; // an empty one takes it away
  const attributes = Object.entries(subject.attributes);
  const rest = JSON.stringify({
    ...(tag === '' ? {} : { tag }),
    ...(attributes.length === 0 ? {} : { attrs: subject.attributes }),
  });
  const after = rest === '{}' ? '}' : `,${rest.slice(1)}`;
  const prefix = [...(tag === '' ? [] : [`${tag} `]), ...attributes.map(([key, value]) => `${key}=${value} `)].join('');
  const eventOf = ({ line, stream }: LogMessage): string | undefined => {
    if (format === 'raw') return line.trim() === '' ? undefined : JSON.stringify(prefix + line);
    const text = format === 'json' && isJson(line) ? line : JSON.stringify(line);
    return `{"line":${text},"source":"${stream}"${after}`;
  };
  return (message) => {
    const event = eventOf(message);
    return event === undefined ? undefined : Buffer.from(`{"event":${event},"time":"${seconds(message.time)}",${common}`);
  };
}

/** It goes as it is, so that no number is rounded. */
function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function seconds(time: string): string {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  return `${Math.floor(Date.parse(time) / 1000)}.${fraction.padEnd(6, '0').slice(0, 6)}`;
}
