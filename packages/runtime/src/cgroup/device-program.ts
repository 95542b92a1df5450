import type { LinuxDeviceCgroup } from '@gantry/oci';
import { deviceRules, type DeviceRule } from './device-rules';

/* struct bpf_cgroup_dev_ctx { u32 access_type: access << 16 | type; u32 major; u32 minor; }: type 1 block, 2 char; access 1 mknod, 2 read, 4 write. */
const TYPES = { b: 1, c: 2 } as const;
const BITS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
/* Registers: r1 the context, r2 type, r3 access, r4 major, r5 minor, r0 the answer, r6 scratch. */
const R0 = 0,
  R1 = 1,
  R2 = 2,
  R3 = 3,
  R4 = 4,
  R5 = 5,
  R6 = 6;

/** eBPF of type cgroup_device for v2: the last rule that covers a request decides; nothing is allowed otherwise. */
export function deviceProgram(given: readonly LinuxDeviceCgroup[]): Uint8Array {
  const code: Buffer[] = [
    instruction(0x61, R2, R1, 0, 0),
    instruction(0xbc, R3, R2, 0, 0),
    instruction(0x54, R2, 0, 0, 0xffff),
    instruction(0x74, R3, 0, 0, 16),
    instruction(0x61, R4, R1, 4, 0),
    instruction(0x61, R5, R1, 8, 0),
  ];
  for (const rule of deviceRules(given).reverse()) {
    code.push(...ruleCode(rule));
    if (rule.type === 'a') return Buffer.concat(code);
  }
  return Buffer.concat([...code, ...answer(false)]);
}

function ruleCode(rule: DeviceRule): Buffer[] {
  const type = rule.type;
  if (type === 'a') return answer(rule.allow);
  const mask = [...rule.access].reduce((bits, letter) => bits | (BITS[letter] ?? 0), 0);
  const checks: ((skip: number) => Buffer)[] = [(skip) => instruction(0x55, R2, 0, skip, TYPES[type])];
  const access: Buffer[] = [];
  if (mask !== 7) {
    access.push(instruction(0xbc, R6, R3, 0, 0), instruction(0x54, R6, 0, 0, rule.allow ? ~mask & 7 : mask));
    /* Allowed only when nothing more is asked; denied when any of it is. */
    checks.push((skip) => instruction(rule.allow ? 0x55 : 0x15, R6, 0, skip, 0));
  }
  if (rule.major >= 0) checks.push((skip) => instruction(0x55, R4, 0, skip, rule.major));
  if (rule.minor >= 0) checks.push((skip) => instruction(0x55, R5, 0, skip, rule.minor));
  const end = answer(rule.allow);
  return [...access, ...checks.map((check, i) => check(checks.length - i - 1 + end.length)), ...end];
}

function answer(allow: boolean): Buffer[] {
  return [instruction(0xb4, R0, 0, 0, allow ? 1 : 0), instruction(0x95, 0, 0, 0, 0)];
}

/** struct bpf_insn, little-endian. */
function instruction(code: number, dst: number, src: number, off: number, imm: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeUInt8(code, 0);
  out.writeUInt8((src << 4) | dst, 1);
  out.writeInt16LE(off, 2);
  out.writeInt32LE(imm | 0, 4);
  return out;
}
