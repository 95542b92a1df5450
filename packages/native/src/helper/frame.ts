/** Kinds of request that the C helper takes (base/wire.h). */
export type RequestKind = 'monitor' | 'hold' | 'run' | 'mount' | 'umount';

const kindByte = { monitor: 'M', hold: 'H', run: 'R', mount: 'O', umount: 'U' } as const satisfies Record<RequestKind, string>;

export type FieldValue = string | number | boolean | Uint8Array | readonly string[];
export type Fields = Readonly<Record<string, FieldValue | undefined>>;

/** What helper, monitors and runners answer. */
export interface HelperAnswer {
  readonly ok: boolean;
  readonly code?: string;
  readonly error?: string;
  readonly errno?: number;
  readonly pid?: number;
  readonly monitor_pid?: number;
  readonly exit_code?: number;
  readonly output?: string;
}

/** One request as its frame: see base/wire.h. Lists travel with zero bytes between, booleans as 1 and 0. */
export function encodeRequest(id: number, kind: RequestKind, fields: Fields): Buffer {
  const parts: Uint8Array[] = [];
  const head = Buffer.alloc(9);
  head.writeUInt32LE(id, 4);
  head.write(kindByte[kind], 8, 'latin1');
  parts.push(head);
  let size = 5;
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const bytes = toBytes(value);
    const front = Buffer.alloc(1 + key.length + 4);
    front[0] = key.length;
    front.write(key, 1, 'latin1');
    front.writeUInt32LE(bytes.length, 1 + key.length);
    parts.push(front, bytes, zero);
    size += front.length + bytes.length + 1;
  }
  head.writeUInt32LE(size, 0);
  return Buffer.concat(parts, size + 4);
}

const zero = Buffer.from([0]);

function toBytes(value: FieldValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'boolean') return Buffer.from(value ? '1' : '0');
  if (typeof value === 'string' || typeof value === 'number') return Buffer.from(String(value));
  return Buffer.from(value.join('\0'));
}

/** Cuts the helper's byte stream into answers. */
export class AnswerReader {
  private rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer, each: (id: number, answer: HelperAnswer) => void): void {
    let data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    while (data.length >= 4) {
      const length = data.readUInt32LE(0);
      if (data.length < 4 + length) break;
      each(data.readUInt32LE(4), JSON.parse(data.toString('utf8', 8, 4 + length)) as HelperAnswer);
      data = data.subarray(4 + length);
    }
    this.rest = data;
  }
}
