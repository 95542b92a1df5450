import { invalidArgument } from '@gantry/rpc/errors';
import type { LinuxSeccomp, SeccompArg } from '@gantry/oci';
import { actionValue } from './actions';
import { assemble, branchEqual, branchGreaterEqual, load, ret, type Instruction } from './bpf';
import { compileRule, type Rule } from './conditions';
import { architectures, nativeArchitecture, syscallNumbers, type Architecture } from './numbers';

const ENOSYS = 38;
const KILL_THREAD = 0;
const X32_BIT = 0x40000000;
const LIMIT = 4096;

const cache = new Map<string, Uint8Array>();
const CACHED = 32;

/**
 * A profile as BPF bytes: one binary tree over the system calls' numbers for each architecture. Names that an architecture does not have
 * are left out, as libseccomp and runc do. Calls newer than every call that the profile names get ENOSYS when the default action would
 * refuse them, so that a libc falls back. Throws invalidArgument for what cannot be compiled.
 */
export function compileSeccomp(profile: LinuxSeccomp, native: string = nativeArchitecture()): Uint8Array {
  const key = `${native} ${keyOf(profile)}`;
  const known = cache.get(key);
  if (known) return known;
  const bytes = assemble(compile(profile, native));
  if (cache.size >= CACHED) cache.delete(cache.keys().next().value as string);
  cache.set(key, bytes);
  return bytes;
}

/** Keys of profiles that were asked for: each exec has its container's own, which nobody changes. */
const keys = new WeakMap<LinuxSeccomp, string>();

function keyOf(profile: LinuxSeccomp): string {
  let key = keys.get(profile);
  if (key === undefined) {
    key = JSON.stringify(profile, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
    keys.set(profile, key);
  }
  return key;
}

function compile(profile: LinuxSeccomp, native: string): Instruction[] {
  const fallback = actionValue(profile.defaultAction, profile.defaultErrnoRet);
  const names = [...new Set([native, ...(profile.architectures ?? [])])];
  const chosen = names.flatMap((name) => {
    if (architectures[name]) return [architectures[name]];
    if (/^SCMP_ARCH_[A-Z0-9]+$/.test(name)) return []; /* another processor's: this kernel never reports it */
    throw invalidArgument(`config.json: linux.seccomp.architectures: "${name}" is unknown`);
  });
  const byAudit = new Map<number, Architecture[]>();
  for (const arch of chosen) byAudit.set(arch.audit, [...(byAudit.get(arch.audit) ?? []), arch]);
  let code: Instruction[] = [ret(KILL_THREAD)];
  for (const [audit, group] of [...byAudit].reverse()) code = branchEqual(audit, group.length ? calls(profile, group, fallback) : [], code);
  const program = [load(4), ...code];
  if (program.length > LIMIT)
    throw invalidArgument(`config.json: linux.seccomp: the filter has ${program.length} instructions, the kernel takes ${LIMIT}`);
  return program;
}

function calls(profile: LinuxSeccomp, group: readonly Architecture[], fallback: number): Instruction[] {
  const plain = group.find((arch) => !arch.bit30);
  const x32 = group.find((arch) => arch.bit30);
  const own = plain ? tree(segments(profile, plain, fallback)) : [ret(KILL_THREAD)];
  if (plain?.table !== 'x86_64' && !x32) return [load(0), ...own];
  const other = x32 ? tree(segments(profile, x32, fallback)) : [ret(KILL_THREAD)];
  return [load(0), ...branchGreaterEqual(X32_BIT, other, own)];
}

/** From `start` on, up to the next segment, a call's fate is `code`. */
interface Segment {
  readonly start: number;
  readonly code: readonly Instruction[];
}

function segments(profile: LinuxSeccomp, arch: Architecture, fallback: number): Segment[] {
  const numbers = syscallNumbers(arch.table);
  const offset = arch.bit30 ? X32_BIT : 0;
  const rules = new Map<number, Rule[]>();
  let newest = 0;
  for (const call of profile.syscalls ?? []) {
    const action = actionValue(call.action, call.errnoRet);
    for (const name of call.names) {
      const number = numbers.get(name);
      if (number === undefined) continue;
      newest = Math.max(newest, number);
      if (action === fallback) continue;
      const list = rules.get(number) ?? [];
      for (const args of alternatives(call.args ?? [])) list.push({ args, action });
      rules.set(number, list);
    }
  }
  const refuses = ![0x7fff0000, 0x7ffc0000].includes(fallback) && (fallback & 0x7fff0000) !== 0x7ff00000;
  const beyond = refuses ? actionValue('SCMP_ACT_ERRNO', ENOSYS) : fallback;
  const result: Segment[] = [{ start: 0, code: [ret(fallback)] }];
  const put = (start: number, code: readonly Instruction[]) => {
    const last = result.at(-1) as Segment;
    if (same(last.code, code)) return;
    if (last.start === start) {
      result.pop();
      const before = result.at(-1);
      if (before && same(before.code, code)) return;
    }
    result.push({ start, code });
  };
  for (const number of [...rules.keys()].sort((a, b) => a - b)) {
    put(offset + number, fate(rules.get(number) as Rule[], fallback));
    put(offset + number + 1, [ret(fallback)]);
  }
  /* Without a rule nothing is known about what is new. */
  if (rules.size > 0) put(offset + newest + 1, [ret(beyond)]);
  return result;
}

/** Several conditions on one argument in one rule are alternatives, on different arguments they must all hold. */
function alternatives(args: readonly SeccompArg[]): SeccompArg[][] {
  const indexes = new Set(args.map((arg) => arg.index));
  return indexes.size === args.length ? [[...args]] : args.map((arg) => [arg]);
}

/** Conditions first, in their order; then the first rule without one; then the default. */
function fate(rules: readonly Rule[], fallback: number): Instruction[] {
  const certain = rules.find((rule) => rule.args.length === 0);
  const conditional = rules.filter((rule) => rule.args.length > 0 && rule.action !== certain?.action);
  return [...conditional.flatMap(compileRule), ret(certain?.action ?? fallback)];
}

function same(a: readonly Instruction[], b: readonly Instruction[]): boolean {
  return a.length === b.length && a.every((x, i) => x.code === b[i]?.code && x.k === b[i].k && x.jt === b[i].jt && x.jf === b[i].jf);
}

function tree(list: readonly Segment[]): Instruction[] {
  if (list.length <= 1) return [...(list[0]?.code ?? [])];
  const middle = list.length >> 1;
  return branchGreaterEqual((list[middle] as Segment).start, tree(list.slice(middle)), tree(list.slice(0, middle)));
}
