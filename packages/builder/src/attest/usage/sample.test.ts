import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostSample } from './sample';

let proc: string;
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'gantry-usage-'));
  writeFileSync(
    join(proc, 'stat'),
    'cpu  4622222 2150908 2821598 3030932 55786 0 52437 163683 7 9\ncpu0 1 2 3\nctxt 385462985\nbtime 1\nprocesses 5141362\nprocs_running 14\nprocs_blocked 0\n',
  );
  writeFileSync(
    join(proc, 'meminfo'),
    'MemTotal:       24684092 kB\nMemFree:         9076372 kB\nMemAvailable:   17805800 kB\nBuffers: 1 kB\nCached: 2 kB\nSwapCached: 99 kB\nActive: 3 kB\nInactive: 4 kB\nActive(anon): 99 kB\nSwapTotal: 5 kB\nDirty: 6 kB\nWriteback: 7 kB\nSlab: 8 kB\n',
  );
});
afterEach(() => rmSync(proc, { recursive: true }));

test('the figures of the host by their names in provenance', () => {
  mkdirSync(join(proc, 'pressure'));
  const some = 'some avg10=98.47 avg60=94.27 avg300=82.50 total=36766375850\n';
  writeFileSync(join(proc, 'pressure/cpu'), some);
  writeFileSync(join(proc, 'pressure/io'), `${some}full avg10=0.00 avg60=0.01 avg300=0.10 total=360356119\n`);
  const told = { avg10: 98.47, avg60: 94.27, avg300: 82.5, total: 36766375850 };
  expect(hostSample(proc, new Date('2026-12-01T00:00:00Z'))).toEqual({
    timestamp: '2026-12-01T00:00:00.000Z',
    cpuStat: {
      user: 46222.22,
      nice: 21509.08,
      system: 28215.98,
      idle: 30309.32,
      iowait: 557.86,
      irq: 0,
      softirq: 524.37,
      steal: 1636.83,
      guest: 0.07,
      guestNice: 0.09,
    },
    procStat: { contextSwitches: 385462985, processCreated: 5141362, processesRunning: 14 },
    memoryStat: {
      total: 24684092,
      free: 9076372,
      available: 17805800,
      buffers: 1,
      cached: 2,
      active: 3,
      inactive: 4,
      swap: 5,
      dirty: 6,
      writeback: 7,
      slab: 8,
    },
    cpuPressure: { some: told, full: null },
    ioPressure: { some: told, full: { avg10: 0, avg60: 0.01, avg300: 0.1, total: 360356119 } },
  });
});

test('a kernel that does not tell of pressure is told without it', () => {
  expect(Object.keys(hostSample(proc))).toEqual(['timestamp', 'cpuStat', 'procStat', 'memoryStat']);
});
