import { spawnSync } from 'node:child_process';
import type { LinuxSeccomp, SeccompArg } from '@gantry/oci';
import { compileSeccomp as profileFor, defaultSeccompProfile } from '@gantry/oci/seccomp';
import fc from 'fast-check';
import { interpret } from './bpf';
import { compileSeccomp } from './compile';
import { syscallNumbers } from './numbers';

const ALLOW = 0x7fff0000;
const errno = (n: number) => 0x50000 | n;
const X64 = 0xc000003e;
const I386 = 0x40000003;
/** Docker's profile, as it is for a container. */
const dockers = (caps: readonly string[], arch = 'x64', kernel = '6.1.0') => profileFor(defaultSeccompProfile(), caps, arch, kernel);
const call = (
  profile: LinuxSeccomp,
  name: string,
  args: bigint[] = [],
  arch = X64,
  table: 'x86_64' | 'x86' | 'x32' | 'aarch64' | 'arm' = 'x86_64',
  bit = 0,
) => interpret(compileSeccomp(profile, 'SCMP_ARCH_X86_64'), { arch, nr: (syscallNumbers(table).get(name) as number) | bit, args });

describe("docker's default filter", () => {
  const caps = ['CAP_CHOWN'];
  const profile = dockers(caps);

  test.each([
    ['read', [], ALLOW],
    ['openat2', [], ALLOW],
    ['mount', [], errno(1)],
    ['clone3', [], errno(38)],
    ['io_uring_setup', [], errno(1)],
    ['socket', [2n], ALLOW],
    ['socket', [38n], errno(1)],
    ['socket', [39n], ALLOW],
    ['socket', [40n], errno(1)],
    ['socket', [0x100000002n], ALLOW],
    ['personality', [0n], ALLOW],
    ['personality', [8n], ALLOW],
    ['personality', [4n], errno(1)],
    ['personality', [0xffffffffn], ALLOW],
    ['clone', [0x11n], ALLOW],
    ['clone', [0x10000000n], errno(1)],
    ['clone', [0x7e020000n], errno(1)],
    ['ptrace', [], ALLOW],
    ['bpf', [], errno(1)],
    ['arch_prctl', [], ALLOW],
    ['modify_ldt', [], ALLOW],
  ] as [string, bigint[], number][])('%s(%p)', (name, args, result) => {
    expect(call(profile, name, args)).toBe(result);
  });

  test('holds for 32 bit programs, x32, foreign machines and calls of the future', () => {
    expect(call(profile, 'mmap2', [], I386, 'x86')).toBe(ALLOW);
    expect(call(profile, 'mount', [], I386, 'x86')).toBe(errno(1));
    expect(call(profile, 'read', [], X64, 'x32', 0x40000000)).toBe(ALLOW);
    expect(call(profile, 'mount', [], X64, 'x32', 0x40000000)).toBe(errno(1));
    expect(call(profile, 'read', [], 0xc00000b7)).toBe(0);
    expect(interpret(compileSeccomp(profile, 'SCMP_ARCH_X86_64'), { arch: X64, nr: 2000 })).toBe(errno(38));
  });

  test('more capabilities open more', () => {
    const admin = dockers(['CAP_SYS_ADMIN', 'CAP_BPF']);
    for (const name of ['mount', 'clone3', 'bpf', 'unshare']) expect(call(admin, name)).toBe(ALLOW);
    expect(call(admin, 'clone', [0x10000000n])).toBe(ALLOW);
    expect(call(dockers(caps, 'x64', '4.4.0'), 'ptrace')).toBe(errno(1));
  });

  test('is small, and an aarch64 one is made too', () => {
    expect(compileSeccomp(profile, 'SCMP_ARCH_X86_64').length / 8).toBeLessThan(800);
    const arm = compileSeccomp(dockers(caps, 'arm64'), 'SCMP_ARCH_AARCH64');
    expect(interpret(arm, { arch: 0xc00000b7, nr: syscallNumbers('aarch64').get('openat') as number })).toBe(ALLOW);
    expect(interpret(arm, { arch: 0x40000028, nr: syscallNumbers('arm').get('open') as number })).toBe(ALLOW);
    expect(interpret(arm, { arch: 0xc00000b7, nr: syscallNumbers('aarch64').get('mount') as number })).toBe(errno(1));
  });
});

test('every operator compares 64 bits', () => {
  const value = fc.oneof(
    fc.bigInt({ min: 0n, max: 3n }),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.constantFrom(0xffffffffn, 0x100000000n, (1n << 64n) - 1n),
  );
  const truth: Record<SeccompArg['op'], (a: bigint, v: bigint, w: bigint) => boolean> = {
    SCMP_CMP_NE: (a, v) => a !== v,
    SCMP_CMP_LT: (a, v) => a < v,
    SCMP_CMP_LE: (a, v) => a <= v,
    SCMP_CMP_EQ: (a, v) => a === v,
    SCMP_CMP_GE: (a, v) => a >= v,
    SCMP_CMP_GT: (a, v) => a > v,
    SCMP_CMP_MASKED_EQ: (a, v, w) => (a & v) === w,
  };
  const arg = fc.record({ index: fc.nat(5), op: fc.constantFrom(...(Object.keys(truth) as SeccompArg['op'][])), value, valueTwo: value });
  fc.assert(
    fc.property(
      fc.uniqueArray(arg, { selector: (a) => a.index, minLength: 1 }),
      fc.array(value, { minLength: 6, maxLength: 6 }),
      (conditions, args) => {
        const profile: LinuxSeccomp = {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [{ names: ['kill'], action: 'SCMP_ACT_ERRNO', errnoRet: 7, args: conditions }],
        };
        const holds = conditions.every((c) => truth[c.op](args[c.index] as bigint, c.value, c.valueTwo));
        expect(call(profile, 'kill', args)).toBe(holds ? errno(7) : ALLOW);
      },
    ),
    { numRuns: 500 },
  );
});

test('several conditions on one argument are alternatives; what cannot be is refused', () => {
  const profile: LinuxSeccomp = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 9,
    syscalls: [
      {
        names: ['kill'],
        action: 'SCMP_ACT_ALLOW',
        args: [
          { index: 0, op: 'SCMP_CMP_EQ', value: 1 },
          { index: 0, op: 'SCMP_CMP_EQ', value: 2 },
        ],
      },
      { names: ['no_such_call', 'read'], action: 'SCMP_ACT_LOG' },
    ],
  };
  expect([1n, 2n, 3n].map((a) => call(profile, 'kill', [a]))).toEqual([ALLOW, ALLOW, errno(9)]);
  expect(() => compileSeccomp({ ...profile, architectures: ['arm'] })).toThrow('"arm" is unknown');
});

test("the generated numbers are the C library's", () => {
  const names = ['read', 'openat2', 'clone3', 'kill', 'mount_setattr'];
  const source = `#include <sys/syscall.h>\n${names.map((n) => `__NR_${n}`).join(' ')}\n`;
  const { stdout, error } = spawnSync('gcc', ['-E', '-P', '-'], { input: source, encoding: 'utf8' });
  if (error || process.arch !== 'x64') return;
  expect(stdout.trim().split('\n').at(-1)?.trim().split(/\s+/).map(Number)).toEqual(names.map((n) => syscallNumbers('x86_64').get(n)));
});
