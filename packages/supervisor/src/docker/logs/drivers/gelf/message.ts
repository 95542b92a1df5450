import { randomBytes } from 'node:crypto';
import { deflateSync, gzipSync } from 'node:zlib';
import type { LogMessage, LogSubject } from '../driver';
import type { LogOptions } from '../../options/cache';

const SEVERITY = { stdout: 6, stderr: 3 } as const;

/** What is the same in every message of a container, as the end of a JSON object. */
export function gelfExtra(subject: LogSubject): string {
  const own = Object.entries(subject.attributes).map(([key, value]) => [key.startsWith('_') ? key : `_${key}`, value]);
  const extra = {
    _container_id: subject.id,
    _container_name: subject.name,
    _image_id: subject.imageId,
    _image_name: subject.imageName,
    _command: subject.command,
    _tag: subject.tag,
    _created: subject.created,
    ...(Object.fromEntries(own) as Record<string, string>),
  };
  return JSON.stringify(extra).slice(1);
}

export function gelfMessage(host: string, extra: string, { stream, line, time }: LogMessage): Buffer {
  const own = { version: '1.1', host, short_message: line, timestamp: Date.parse(time) / 1000, level: SEVERITY[stream] };
  return Buffer.from(`${JSON.stringify(own).slice(0, -1)},${extra}`);
}

export function pack(message: Buffer, options: LogOptions): Buffer {
  const level = Number(options['gelf-compression-level'] ?? 1);
  switch (options['gelf-compression-type'] ?? 'gzip') {
    case 'none':
      return message;
    case 'zlib':
      return deflateSync(message, { level });
    default:
      return gzipSync(message, { level });
  }
}

const DATAGRAM = 1420;
const HEADER = 12;
const MOST_CHUNKS = 128;

/** The datagrams of one message: itself, or chunks with an id in common. None when it is too large for the protocol. */
export function chunks(packed: Buffer): Buffer[] {
  if (packed.length <= DATAGRAM) return [packed];
  const size = DATAGRAM - HEADER;
  const count = Math.ceil(packed.length / size);
  if (count > MOST_CHUNKS) return [];
  const id = randomBytes(8);
  return Array.from({ length: count }, (_, index) =>
    Buffer.concat([Buffer.from([0x1e, 0x0f]), id, Buffer.from([index, count]), packed.subarray(index * size, (index + 1) * size)]),
  );
}
