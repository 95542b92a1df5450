import { syscallTables } from './syscalls';

export type SyscallTable = keyof typeof syscallTables;

const parsed = new Map<SyscallTable, ReadonlyMap<string, number>>();

/** Name → number of one architecture. */
export function syscallNumbers(table: SyscallTable): ReadonlyMap<string, number> {
  let map = parsed.get(table);
  if (!map) {
    map = new Map(
      syscallTables[table]
        .trim()
        .split(/\s+/)
        .map((entry) => entry.split(':'))
        .map(([name, number]) => [name as string, Number(number)]),
    );
    parsed.set(table, map);
  }
  return map;
}

/** What a filter calls an architecture, where its numbers are, and what the kernel calls it (AUDIT_ARCH_*). */
export interface Architecture {
  readonly table: SyscallTable;
  readonly audit: number;
  /** x32 shares x86-64's value and sets bit 30 of the number. */
  readonly bit30: boolean;
}

export const architectures: Readonly<Record<string, Architecture>> = {
  SCMP_ARCH_X86_64: { table: 'x86_64', audit: 0xc000003e, bit30: false },
  SCMP_ARCH_X86: { table: 'x86', audit: 0x40000003, bit30: false },
  SCMP_ARCH_X32: { table: 'x32', audit: 0xc000003e, bit30: true },
  SCMP_ARCH_AARCH64: { table: 'aarch64', audit: 0xc00000b7, bit30: false },
  SCMP_ARCH_ARM: { table: 'arm', audit: 0x40000028, bit30: false },
};

export function nativeArchitecture(arch: string = process.arch): string {
  return arch === 'arm64' ? 'SCMP_ARCH_AARCH64' : 'SCMP_ARCH_X86_64';
}
