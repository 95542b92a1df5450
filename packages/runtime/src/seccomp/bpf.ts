/** Classic BPF as the kernel's seccomp takes it: struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; }. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const LD = 0x20;
const JA = 0x05;
const JEQ = 0x15;
const JGT = 0x25;
const JGE = 0x35;
const AND = 0x54;
const RET = 0x06;

const make = (code: number, k: number, jt = 0, jf = 0): Instruction => ({ code, jt, jf, k: k >>> 0 });

/** Loads 32 bits of struct seccomp_data: 0 the number, 4 the architecture, 16 + 8n an argument. */
export const load = (offset: number) => make(LD, offset);
export const ret = (action: number) => make(RET, action);
export const and = (mask: number) => make(AND, mask);
export const equal = (k: number, jt: number, jf: number) => make(JEQ, k, jt, jf);
export const greater = (k: number, jt: number, jf: number) => make(JGT, k, jt, jf);
export const jump = (distance: number) => make(JA, distance);

/** `no` when the accumulator is below k, else `yes`; conditional jumps reach 255, longer ones take a step more. */
export function branchGreaterEqual(k: number, yes: readonly Instruction[], no: readonly Instruction[]): Instruction[] {
  return no.length <= 255 ? [make(JGE, k, no.length, 0), ...no, ...yes] : [make(JGE, k, 0, 1), jump(no.length), ...no, ...yes];
}

/** `yes` when the accumulator is k, else `no`. */
export function branchEqual(k: number, yes: readonly Instruction[], no: readonly Instruction[]): Instruction[] {
  return yes.length <= 255 ? [equal(k, 0, yes.length), ...yes, ...no] : [equal(k, 1, 0), jump(yes.length), ...yes, ...no];
}

export function assemble(list: readonly Instruction[]): Uint8Array {
  const out = Buffer.alloc(list.length * 8);
  list.forEach(({ code, jt, jf, k }, i) => {
    out.writeUInt16LE(code, i * 8);
    out.writeUInt8(jt, i * 8 + 2);
    out.writeUInt8(jf, i * 8 + 3);
    out.writeUInt32LE(k, i * 8 + 4);
  });
  return out;
}

/** Runs a filter as the kernel would; for tests and for asking a profile what it does. Args are 64 bit. */
export function interpret(program: Uint8Array, call: { arch: number; nr: number; args?: readonly bigint[] }): number {
  const view = Buffer.from(program.buffer, program.byteOffset, program.length);
  const data = Buffer.alloc(64);
  data.writeInt32LE(call.nr | 0, 0);
  data.writeUInt32LE(call.arch >>> 0, 4);
  (call.args ?? []).forEach((arg, i) => data.writeBigUInt64LE(BigInt.asUintN(64, arg), 16 + 8 * i));
  let a = 0;
  for (let pc = 0; pc * 8 < view.length; pc++) {
    const code = view.readUInt16LE(pc * 8);
    const jt = view.readUInt8(pc * 8 + 2);
    const jf = view.readUInt8(pc * 8 + 3);
    const k = view.readUInt32LE(pc * 8 + 4);
    if (code === LD) a = data.readUInt32LE(k);
    else if (code === AND) a = (a & k) >>> 0;
    else if (code === RET) return k;
    else if (code === JA) pc += k;
    else if (code === JEQ) pc += a === k ? jt : jf;
    else if (code === JGT) pc += a > k ? jt : jf;
    else if (code === JGE) pc += a >= k ? jt : jf;
    else throw new Error(`instruction ${code} at ${pc}`);
  }
  throw new Error('the filter runs off its end');
}
