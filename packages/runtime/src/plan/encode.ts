import { GantryError } from '@gantry/rpc/errors';
import { operations, planKind, type Field, type Operation } from './operations';

const MAGIC = 0x4e4c5047;
const VERSION = 1;

export interface PlanHeader {
  readonly kind: keyof typeof planKind;
  /** CLONE_NEW* for clone3. */
  readonly cloneFlags: number;
  /** Descriptors 3 .. 3+n-1 that stay open. */
  readonly preserve: number;
}

/** Writes a plan's bytes; see native/plan.h. Throws invalidArgument when a string holds a NUL. */
export function encodePlan(header: PlanHeader, list: readonly Operation[]): Uint8Array {
  const body = Buffer.concat(list.map(encodeOperation));
  const head = Buffer.alloc(32);
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt16LE(VERSION, 4);
  head.writeUInt16LE(planKind[header.kind], 6);
  head.writeUInt32LE(head.length + body.length, 8);
  head.writeUInt32LE(list.length, 12);
  head.writeBigUInt64LE(BigInt(header.cloneFlags >>> 0), 16);
  head.writeUInt32LE(header.preserve, 24);
  return Buffer.concat([head, body]);
}

function encodeOperation([name, ...fields]: Operation): Buffer {
  const [code, format] = operations[name];
  if (fields.length !== format.length) throw new GantryError('internal', `operation ${name} takes ${format.length} fields, not ${fields.length}`);
  const payload = Buffer.concat([...format].map((kind, i) => encodeField(kind, fields[i] as Field)));
  const head = Buffer.alloc(8);
  head.writeUInt16LE(code, 0);
  head.writeUInt32LE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

function encodeField(kind: string, value: Field): Buffer {
  switch (kind) {
    case '4':
      return number32(Number(value));
    case '8': {
      const out = Buffer.alloc(8);
      out.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value as number | bigint)));
      return out;
    }
    case 's':
      return text(value as string);
    case 'b':
      return Buffer.concat([number32((value as Uint8Array).length), value as Uint8Array]);
    case 'v':
      return Buffer.concat([number32((value as readonly string[]).length), ...(value as readonly string[]).map(text)]);
    default:
      return Buffer.concat([number32((value as readonly number[]).length), ...(value as readonly number[]).map(number32)]);
  }
}

function number32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeInt32LE(value | 0);
  return out;
}

function text(value: string): Buffer {
  if (value.includes('\0')) throw new GantryError('invalidArgument', `a string of the configuration holds a NUL byte: ${JSON.stringify(value)}`);
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([number32(bytes.length + 1), bytes, Buffer.alloc(1)]);
}
