import { encode, ExtData } from '@msgpack/msgpack';
import type { LogMessage, LogSubject } from '../driver';

/** One line in the forward protocol's mode Message: `[tag, time, record, options]`. */
export function fluentdMessage(
  { id, name, tag, attributes }: LogSubject,
  { stream, line, time, partial }: LogMessage,
  { subSecond, chunk }: { readonly subSecond: boolean; readonly chunk?: string | undefined },
): Buffer {
  const record = {
    container_id: id,
    container_name: `/${name}`,
    source: stream,
    log: line,
    ...attributes,
    ...(partial === undefined
      ? {}
      : {
          partial_message: 'true',
          partial_id: partial.id,
          partial_ordinal: String(partial.ordinal),
          partial_last: String(partial.last),
        }),
  };
  const seconds = Math.floor(Date.parse(time) / 1000);
  const bytes = encode([tag, subSecond ? eventTime(seconds, time) : seconds, record, chunk === undefined ? {} : { chunk }]);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The protocol's extension 0: seconds and nanoseconds. */
function eventTime(seconds: number, time: string): ExtData {
  const data = Buffer.alloc(8);
  data.writeUInt32BE(seconds, 0);
  data.writeUInt32BE(Number((/\.(\d+)/.exec(time)?.[1] ?? '').padEnd(9, '0')), 4);
  return new ExtData(0, data);
}
