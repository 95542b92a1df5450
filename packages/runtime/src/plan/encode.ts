import { GantryError } from '@gantry/rpc/errors';
import { operations, planKind, type Field, type Operation } from './operations';

const MAGIC = 0x4e4c5047;
const VERSION = 2;

export interface PlanHeader {
  readonly kind: keyof typeof planKind;
  /** CLONE_NEW* for clone3. */
  readonly cloneFlags: number;
  /** Descriptors 3 .. 3+n-1 that stay open. */
  readonly preserve: number;
}

/** Writes a plan's bytes; see native/plan/plan.h. Throws invalidArgument when a string holds a NUL. */
export function encodePlan(header: PlanHeader, list: readonly Operation[]): Uint8Array {
  const out = new Writer();
  out.number32(MAGIC);
  out.number16(VERSION);
  out.number16(planKind[header.kind]);
  const length = out.reserve32();
  out.number32(list.length);
  out.number64(header.cloneFlags >>> 0);
  out.number32(header.preserve);
  out.number32(0);
  for (const operation of list) encodeOperation(out, operation);
  out.fill32(length, out.length);
  return out.bytes();
}

function encodeOperation(out: Writer, [name, ...fields]: Operation): void {
  const [code, format] = operations[name];
  if (fields.length !== format.length)
    throw new GantryError('internal', `operation ${name} takes ${format.length} fields, not ${fields.length}`);
  out.number16(code);
  out.number16(0);
  const length = out.reserve32();
  for (let i = 0; i < format.length; i++) encodeField(out, format[i] as string, fields[i] as Field);
  out.fill32(length, out.length - length - 4);
}

function encodeField(out: Writer, kind: string, value: Field): void {
  if (kind === '4') out.number32(Number(value));
  else if (kind === '8') out.number64(value as number | bigint);
  else if (kind === 's') out.text(value as string);
  else if (kind === 'b') {
    out.number32((value as Uint8Array).length);
    out.raw(value as Uint8Array);
  } else {
    const list = value as readonly string[] | readonly number[];
    out.number32(list.length);
    for (const element of list) {
      if (kind === 'v') out.text(element as string);
      else out.number32(element as number);
    }
  }
}

/** One buffer that grows: a plan has some hundred small fields. */
class Writer {
  private buffer = Buffer.allocUnsafe(16384);
  length = 0;

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  private room(n: number): number {
    const at = this.length;
    this.length += n;
    if (this.length > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.length, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, at);
      this.buffer = larger;
    }
    return at;
  }

  number16(value: number): void {
    const at = this.room(2);
    this.buffer.writeUInt16LE(value, at);
  }

  number32(value: number): void {
    const at = this.room(4);
    this.buffer.writeInt32LE(value | 0, at);
  }

  number64(value: number | bigint): void {
    const at = this.room(8);
    this.buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), at);
  }

  raw(value: Uint8Array): void {
    const at = this.room(value.length);
    this.buffer.set(value, at);
  }

  text(value: string): void {
    if (value.includes('\0'))
      throw new GantryError('invalidArgument', `a string of the configuration holds a NUL byte: ${JSON.stringify(value)}`);
    const size = Buffer.byteLength(value);
    this.number32(size + 1);
    const at = this.room(size + 1);
    this.buffer.write(value, at);
    this.buffer[at + size] = 0;
  }

  reserve32(): number {
    return this.room(4);
  }

  fill32(at: number, value: number): void {
    this.buffer.writeUInt32LE(value, at);
  }
}
