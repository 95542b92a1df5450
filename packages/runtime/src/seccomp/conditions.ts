import { invalidArgument } from '@gantry/rpc/errors';
import type { SeccompArg } from '@gantry/oci';
import { and, equal, greater, jump, load, ret, type Instruction } from './bpf';

/** Conditions (all must hold) and what then happens. */
export interface Rule {
  readonly args: readonly SeccompArg[];
  readonly action: number;
}

/* Inside one comparison: +n jumps are resolved here, `fail` means the end of the rule. */
type Step =
  | Instruction
  | {
      readonly test: 'equal' | 'greater';
      readonly k: number;
      readonly yes: 'next' | 'pass' | 'fail';
      readonly no: 'next' | 'pass' | 'fail';
    };

/** Code that answers `rule.action` when every condition holds and else falls through to what follows. */
export function compileRule(rule: Rule): Instruction[] {
  let code: Instruction[] = [ret(rule.action)];
  for (const arg of [...rule.args].reverse()) code = prepend(steps(arg), code);
  return code;
}

/** Resolves pass (start of `rest`) and fail (just after `rest`). */
function prepend(list: readonly Step[], rest: readonly Instruction[]): Instruction[] {
  const far = rest.length > 200;
  /* With a long rest, "fail" goes over a trampoline: [jump over it] [jump to the end]. */
  const body: Instruction[] = [];
  list.forEach((step, i) => {
    if (!('test' in step)) {
      body.push(step);
      return;
    }
    const left = list.length - i - 1;
    const where = { next: 0, pass: far ? left : left, fail: far ? left + 1 : left + rest.length };
    const build = step.test === 'equal' ? equal : greater;
    body.push(build(step.k, where[step.yes], where[step.no]));
  });
  return far ? [...body, jump(1), jump(rest.length), ...rest] : [...body, ...rest];
}

function steps(arg: SeccompArg): Step[] {
  if (!Number.isInteger(arg.index) || arg.index < 0 || arg.index > 5)
    throw invalidArgument(`config.json: linux.seccomp: argument index ${arg.index} is not 0 to 5`);
  const low = load(16 + 8 * arg.index);
  const high = load(20 + 8 * arg.index);
  const [hi, lo] = halves(arg.value);
  const test = (kind: 'equal' | 'greater', k: number, yes: 'next' | 'pass' | 'fail', no: 'next' | 'pass' | 'fail'): Step => ({
    test: kind,
    k,
    yes,
    no,
  });
  switch (arg.op) {
    case 'SCMP_CMP_EQ':
      return [high, test('equal', hi, 'next', 'fail'), low, test('equal', lo, 'pass', 'fail')];
    case 'SCMP_CMP_NE':
      return [high, test('equal', hi, 'next', 'pass'), low, test('equal', lo, 'fail', 'pass')];
    case 'SCMP_CMP_GT':
      return [high, test('greater', hi, 'pass', 'next'), test('equal', hi, 'next', 'fail'), low, test('greater', lo, 'pass', 'fail')];
    case 'SCMP_CMP_LE':
      return [high, test('greater', hi, 'fail', 'next'), test('equal', hi, 'next', 'pass'), low, test('greater', lo, 'fail', 'pass')];
    case 'SCMP_CMP_GE':
      if (arg.value === 0 || arg.value === 0n) return [];
      return steps({ ...arg, op: 'SCMP_CMP_GT', value: BigInt(arg.value) - 1n });
    case 'SCMP_CMP_LT':
      if (arg.value === 0 || arg.value === 0n) return [low, test('equal', 0, 'fail', 'fail')];
      return steps({ ...arg, op: 'SCMP_CMP_LE', value: BigInt(arg.value) - 1n });
    case 'SCMP_CMP_MASKED_EQ': {
      const [wantHi, wantLo] = halves(arg.valueTwo ?? 0);
      return [high, and(hi), test('equal', wantHi, 'next', 'fail'), low, and(lo), test('equal', wantLo, 'pass', 'fail')];
    }
    default:
      throw invalidArgument(`config.json: linux.seccomp: operator "${String(arg.op)}" is unknown`);
  }
}

function halves(value: number | bigint | null): [high: number, low: number] {
  const n = BigInt.asUintN(64, BigInt(value ?? 0));
  return [Number(n >> 32n), Number(n & 0xffffffffn)];
}
