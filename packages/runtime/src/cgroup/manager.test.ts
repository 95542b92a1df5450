import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LinuxDeviceCgroup } from '@gantry/oci';
import { deviceProgram } from './device-program';
import { deviceRules, formatRule } from './device-rules';
import { parseHierarchies } from './hierarchies';
import { cpuWeight, settingsV2 } from './limits-v2';
import { createCgroupManager } from './manager';
import { checkCgroupPath, containerCgroupPath, monitorCgroupPath } from './paths';

test('hierarchies are read from mountinfo', () => {
  const text = [
    '30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755',
    '31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    '32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd',
    '35 30 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
    '36 30 0:31 / /mnt/again rw - cgroup cgroup rw,cpu,cpuacct',
  ];
  expect(parseHierarchies(text.join('\n'), () => []).mode).toBe('hybrid');
  expect(parseHierarchies(text.join('\n'), () => []).list.map((h) => h.controllers.join())).toEqual(['', 'name=systemd', 'cpu,cpuacct']);
  expect(parseHierarchies(text[1] as string, () => ['cpu']).mode).toBe('v2');
  expect(parseHierarchies(text.slice(2).join('\n'), () => []).mode).toBe('v1');
});

/** What this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the directory's own
    }
  });
}

test('paths', () => {
  const at = (cgroupsPath?: string) =>
    containerCgroupPath({ ociVersion: '1', linux: cgroupsPath === undefined ? {} : { cgroupsPath } }, 'id');
  expect([at(), at('/a/b'), at('a'), at('user-1000.slice:p:n'), at(':p:n'), monitorCgroupPath('id')]).toEqual([
    '/gantry/id',
    '/a/b',
    '/gantry/a',
    '/user.slice/user-1000.slice/p-n.scope',
    '/system.slice/p-n.scope',
    '/gantry-monitors/id',
  ]);
  expect(() => at('/a/../b')).toThrow('not allowed');
  expect(() => checkCgroupPath('/')).toThrow('not allowed');
});

test('controllers are handed down where they are missing, and those that are there are not written again', async () => {
  const mountpoint = mkdtempSync(join(tmpdir(), 'cgroups-'));
  try {
    mkdirSync(join(mountpoint, 'gantry'));
    for (const [given, written] of [
      ['cpu memory pids\n', 'cpu memory pids\n'],
      ['cpu memory\n', '+pids'],
      ['cpu hugetlb\n', '+pids'], // each its own write: this is the last
    ] as const) {
      const file = join(mountpoint, 'gantry/cgroup.subtree_control');
      writeFileSync(file, given);
      const manager = createCgroupManager({ mode: 'v2', list: [{ version: 2, mountpoint, controllers: ['memory', 'pids'] }] });
      await manager.create(manager.plan('/gantry/a'));
      expect(readFileSync(file, 'utf8')).toBe(written);
    }
  } finally {
    rmSync(mountpoint, { recursive: true });
  }
});

test('v2 values', () => {
  expect([2, 1024, 262144].map(cpuWeight)).toEqual([1, 39, 10000]);
  const written = settingsV2({
    memory: { limit: 100, swap: 150 },
    cpu: { quota: 5000, period: 10000, shares: 1024, cpus: '0' },
    pids: { limit: -1 },
    unified: { 'memory.high': '9' },
  });
  expect(Object.fromEntries(written.map((s) => [s.file, s.value]))).toEqual({
    'cpuset.cpus': '0',
    'cpu.weight': '39',
    'cpu.max': '5000 10000',
    'memory.max': '100',
    'memory.swap.max': '50',
    'pids.max': 'max',
    'memory.high': '9',
  });
  expect(() => settingsV2({ memory: { limit: 100, swap: 50 } })).toThrow('below');
});

test('device rules that change nothing are left out', () => {
  const rules = (...given: LinuxDeviceCgroup[]): string[] =>
    deviceRules([{ allow: false, access: 'rwm' }, ...given]).map((rule) => `${rule.allow ? '+' : '-'} ${formatRule(rule)}`);
  const fuse = (allow: boolean, access = 'rwm'): LinuxDeviceCgroup => ({ allow, type: 'c', major: 10, minor: 229, access });
  const always = rules();
  expect(always).toHaveLength(11);
  expect(rules({ allow: true, type: 'c', major: 1, minor: 5, access: 'rwm' }, fuse(false))).toHaveLength(11);
  expect(rules(fuse(true, 'rw'), fuse(false, 'w'))).toEqual(['- a', '+ c 10:229 rw', '- c 10:229 w', ...always.slice(1)]);
  expect(rules({ allow: true, type: 'c', major: 10, access: 'r' }, fuse(false))).toEqual([
    '- a',
    '+ c 10:* r',
    '- c 10:229 rwm',
    ...always.slice(1),
  ]);
  expect(rules({ allow: true, access: 'rwm' }, fuse(false)).slice(0, 2)).toEqual(['+ a', '- c 10:229 rwm']);
});

describe('the device program', () => {
  /** eBPF of the few instructions that deviceProgram writes. */
  const run = (rules: LinuxDeviceCgroup[], type: 'b' | 'c', access: number, major: number, minor: number): number => {
    const code = Buffer.from(deviceProgram(rules));
    const context = [(access << 16) | (type === 'b' ? 1 : 2), major, minor];
    const r = new Array<number>(11).fill(0);
    for (let pc = 0; ; pc++) {
      const [op, regs, off, imm] = [
        code.readUInt8(pc * 8),
        code.readUInt8(pc * 8 + 1),
        code.readInt16LE(pc * 8 + 2),
        code.readInt32LE(pc * 8 + 4),
      ];
      const [dst, src] = [regs & 15, regs >> 4];
      if (op === 0x61) r[dst] = context[off / 4] as number;
      else if (op === 0xbc) r[dst] = r[src] as number;
      else if (op === 0x54) r[dst] = (r[dst] as number) & imm;
      else if (op === 0x74) r[dst] = (r[dst] as number) >>> imm;
      else if (op === 0xb4) r[dst] = imm;
      else if (op === 0x55) pc += r[dst] !== imm ? off : 0;
      else if (op === 0x15) pc += r[dst] === imm ? off : 0;
      else if (op === 0x95) return r[0] as number;
      else throw new Error(`op ${op}`);
    }
  };
  const [M, R, W] = [1, 2, 4];
  test('the last rule decides, mknod and the default devices stay', () => {
    const rules: LinuxDeviceCgroup[] = [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
      { allow: false, type: 'c', major: 10, minor: 229, access: 'w' },
    ];
    expect(run(rules, 'c', R | W, 1, 3)).toBe(1);
    expect(run(rules, 'b', M, 8, 0)).toBe(1);
    expect(run(rules, 'b', R, 8, 0)).toBe(0);
    expect([R, W, R | W].map((a) => run(rules, 'c', a, 10, 229))).toEqual([1, 0, 0]);
    expect(run([{ allow: true, access: 'rwm' }], 'b', R | W, 8, 0)).toBe(1);
    expect(run([], 'b', R, 8, 0)).toBe(0);
  });
});

const real = process.getuid?.() === 0 && existsSync('/sys/fs/cgroup') ? describe : describe.skip;
real('cgroups of this host', () => {
  const manager = createCgroupManager();
  const plan = manager.plan(`/gantry-test-${process.pid}/${randomBytes(6).toString('hex')}`);
  afterEach(async () => {
    await manager.remove(plan);
    await manager.tidy(`/gantry-test-${process.pid}`);
  });
  const join = (pid: number) => {
    for (const d of plan.directories) writeFileSync(`${d.directory}/cgroup.procs`, String(pid));
  };

  test('limits are written, processes counted, frozen, killed; nothing is left', async () => {
    expect(
      await manager.create(plan, {
        memory: { limit: 64 << 20, swap: 64 << 20 },
        pids: { limit: 50 },
        cpu: { shares: 512, quota: 50000, period: 100000 },
      }),
    ).toEqual(expect.any(Array));
    const child = spawn('sleep', ['60']);
    join(child.pid as number);
    const stats = await manager.stats(plan);
    expect([stats.memory.limit, stats.pids.limit, stats.pids.current]).toEqual([BigInt(64 << 20), 50n, 1n]);
    expect(await manager.pids(plan)).toEqual([child.pid]);
    await manager.freeze(plan);
    expect(await manager.frozen(plan)).toBe(true);
    await manager.thaw(plan);
    expect(await manager.frozen(plan)).toBe(false);
    await manager.apply(plan, { memory: { limit: 128 << 20, swap: 256 << 20 } });
    expect((await manager.stats(plan)).memory.limit).toBe(BigInt(128 << 20));
    await manager.freeze(plan);
    expect(await manager.killAll(plan)).toBe(1);
    await manager.remove(plan);
    for (const d of plan.directories) expect(existsSync(d.directory)).toBe(false);
    expect(await manager.oomKills(plan)).toBe(0n);
  });

  test('a meter tells what changes, of files that it keeps open until it is closed', async () => {
    const opened = (): string[] => openFiles().filter((file) => file.includes(plan.path));
    await manager.create(plan, { memory: { limit: 64 << 20, swap: 64 << 20 }, pids: { limit: 50 } });
    const child = spawn('sleep', ['60']);
    const meter = manager.meter(plan);
    try {
      const empty = meter.stats();
      expect([empty.memory.limit, empty.pids.limit, empty.pids.current]).toEqual([BigInt(64 << 20), 50n, 0n]);
      const files = opened();
      expect(files.length).toBeGreaterThan(4);
      join(child.pid as number);
      await manager.apply(plan, { memory: { limit: 128 << 20, swap: 256 << 20 } });
      const later = meter.stats();
      expect([later.memory.limit, later.pids.current]).toEqual([BigInt(128 << 20), 1n]);
      expect(Object.keys(later.memory.stat)).toEqual(Object.keys((await manager.stats(plan)).memory.stat));
      expect(opened()).toEqual(files);
      await manager.killAll(plan);
      await manager.remove(plan);
      for (const d of plan.directories) expect(existsSync(d.directory)).toBe(false);
      expect([meter.stats().memory.limit, meter.stats().pids.current]).toEqual([0n, 0n]); // it is gone: nothing is told, nothing thrown
      meter.close();
      expect(opened()).toEqual([]);
    } finally {
      child.kill('SIGKILL');
      meter.close();
    }
  });

  test('a limit that the kernel refuses undoes the creation', async () => {
    await expect(manager.create(plan, { cpu: { cpus: '9999' } })).rejects.toThrow('write "9999"');
    for (const d of plan.directories) expect(existsSync(d.directory)).toBe(false);
    expect(readFileSync('/proc/self/cgroup', 'utf8')).not.toContain('gantry-test');
  });
});
