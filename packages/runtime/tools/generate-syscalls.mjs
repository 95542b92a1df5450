// Writes src/seccomp/syscalls.ts from kernel headers:
//   tools/node packages/runtime/tools/generate-syscalls.mjs [--arm DIR]
// x86-64, i386, x32 and aarch64 come from Debian's linux-libc-dev; arm from the include directory of linux-libc-dev-armhf-cross.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const arm = process.argv[2] === '--arm' ? process.argv[3] : '/usr/arm-linux-gnueabihf/include';
const x86 = '/usr/include/x86_64-linux-gnu';

// Numbers from 424 on are the same on every architecture; these are newer than the oldest headers in use.
const newer = {
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
  open_tree_attr: 467,
  file_getattr: 468,
  file_setattr: 469,
};

function read(header, prefix, args) {
  const text = execFileSync('gcc', ['-E', '-dM', '-undef', '-nostdinc', ...args, '-'], {
    input: `#include <${header}>\n`,
    encoding: 'utf8',
  });
  const macros = new Map([...text.matchAll(/^#define (\w+) (.+)$/gm)].map((m) => [m[1], m[2].trim()]));
  const value = (expression) => {
    const resolved = expression.replace(/\b[A-Za-z_]\w*/g, (name) => (macros.has(name) ? `(${value(macros.get(name))})` : name));
    return /^[\d\sxXa-fA-F()+|]+$/.test(resolved) ? String(Function(`return ${resolved}`)()) : 'NaN';
  };
  const result = new Map();
  for (const [name, expression] of macros) {
    if (!name.startsWith(prefix)) continue;
    const number = Number(value(expression));
    const syscall = name.slice(prefix.length);
    if (Number.isInteger(number) && !/^(syscalls|SYSCALL_BASE|OABI_SYSCALL_BASE|sync_file_range2|arch_specific_syscall)$/.test(syscall))
      result.set(syscall, number);
    if (syscall === 'sync_file_range2' && Number.isInteger(number)) result.set(syscall, number);
  }
  for (const [name, number] of Object.entries(newer)) if (!result.has(name)) result.set(name, number);
  return result;
}

const tables = {
  x86_64: read('asm/unistd_64.h', '__NR_', ['-I', x86]),
  x86: read('asm/unistd_32.h', '__NR_', ['-I', x86]),
  x32: read('asm/unistd_x32.h', '__NR_', ['-I', x86, '-D__X32_SYSCALL_BIT=0']),
  aarch64: read('asm-generic/unistd.h', '__NR_', [
    '-I',
    '/usr/include',
    '-I',
    x86,
    '-D__x86_64__',
    '-D__LP64__',
    '-D__ARCH_WANT_RENAMEAT',
    '-D__ARCH_WANT_NEW_STAT',
    '-D__ARCH_WANT_SET_GET_RLIMIT',
    '-D__ARCH_WANT_TIME32_SYSCALLS',
    '-D__ARCH_WANT_SYS_CLONE3',
    '-D__ARCH_WANT_MEMFD_SECRET',
  ]),
  arm: read('asm/unistd.h', '__NR_', ['-I', arm, '-D__ARM_EABI__']),
};
// The private calls of arm, which its headers name otherwise.
for (const [name, offset] of Object.entries({ breakpoint: 1, cacheflush: 2, usr26: 3, usr32: 4, set_tls: 5, get_tls: 6 }))
  tables.arm.set(name, 0x0f0000 + offset);

const wrap = (entries) => {
  const lines = [''];
  for (const entry of entries) {
    if (lines.at(-1).length + entry.length > 150) lines.push('');
    lines[lines.length - 1] += `${entry} `;
  }
  return lines.map((line) => `  ${line.trim()}`).join('\n');
};
let out = `/**\n * System call numbers, written by tools/generate-syscalls.mjs out of the kernel's headers (linux-libc-dev). Do not edit.\n * One \`name:number\` a call; x32 numbers are without their bit 30.\n */\nexport const syscallTables = {\n`;
for (const [arch, table] of Object.entries(tables)) {
  out += `  ${arch}: \`\n${wrap([...table].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1)).map(([name, number]) => `${name}:${number}`))}\n  \`,\n`;
}
out += '} as const;\n';
writeFileSync(join(import.meta.dirname, '../src/seccomp/syscalls.ts'), out);
for (const [arch, table] of Object.entries(tables)) console.log(arch, table.size);
