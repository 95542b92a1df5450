import type { LogMessage, LogSubject } from '../driver';

const PRIORITY = { stdout: '6', stderr: '3' } as const;

export type Fields = Readonly<Record<string, string>>;

/** A name that journald takes: capitals, digits and underscores, none of them at its beginning. */
export function fieldName(text: string): string {
  return [...text]
    .map((letter) => (/^[a-z]$/.test(letter) ? letter.toUpperCase() : /^[A-Z0-9]$/.test(letter) ? letter : '_'))
    .join('')
    .replace(/^_+/, '');
}

/** What is the same in every entry of a container. */
export function subjectFields({ id, name, tag, imageName, attributes }: LogSubject): Fields {
  return {
    CONTAINER_ID: id.slice(0, 12),
    CONTAINER_ID_FULL: id,
    CONTAINER_NAME: name,
    CONTAINER_TAG: tag,
    IMAGE_NAME: imageName,
    SYSLOG_IDENTIFIER: tag,
    ...Object.fromEntries(Object.entries(attributes).map(([key, value]) => [fieldName(key), value])),
  };
}

/** An entry in journald's native protocol: `NAME=value` lines, or with its length where the value has lines of its own. */
export function journalEntry(common: Fields, { stream, line, time, partial }: LogMessage): Buffer {
  const fields = {
    PRIORITY: PRIORITY[stream],
    MESSAGE: line,
    ...common,
    SYSLOG_TIMESTAMP: time,
    ...(partial === undefined
      ? {}
      : {
          CONTAINER_PARTIAL_ID: partial.id,
          CONTAINER_PARTIAL_ORDINAL: String(partial.ordinal),
          CONTAINER_PARTIAL_LAST: String(partial.last),
          ...(partial.last ? {} : { CONTAINER_PARTIAL_MESSAGE: 'true' }),
        }),
  };
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => (name === '' ? [] : field(name, value))));
}

function field(name: string, value: string): Buffer[] {
  if (!value.includes('\n')) return [Buffer.from(`${name}=${value}\n`)];
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return [Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')];
}
