import type { Health } from '@gantry/api/gantry/engine/v1/types';
import { HealthConfig } from '@gantry/api/gantry/engine/v1/types';
import { silentLogger } from '@gantry/rpc';
import { HealthMonitors, healthSettings } from './health';
import { nextHealth } from './status';

const starting: Health = { Status: 'starting', FailingStreak: 0n, Log: [] };
const result = (ExitCode: bigint) => ({ Start: '', End: '', ExitCode, Output: '' });

it('counts failures, forgives those of the start period, recovers at once', () => {
  const settings = { retries: 2, startPeriod: 1000 };
  const graced = nextHealth(starting, result(1n), settings, 500);
  expect(graced).toMatchObject({ Status: 'starting', FailingStreak: 0n });
  const once = nextHealth(graced, result(1n), settings, 1500);
  expect(once).toMatchObject({ Status: 'starting', FailingStreak: 1n });
  const twice = nextHealth(once, result(1n), settings, 2500);
  expect(twice).toMatchObject({ Status: 'unhealthy', FailingStreak: 2n });
  expect(nextHealth(twice, result(0n), settings, 3500)).toMatchObject({ Status: 'healthy', FailingStreak: 0n });
  expect(nextHealth({ ...starting, Log: Array.from({ length: 5 }, () => result(0n)) }, result(0n), settings, 0).Log).toHaveLength(5);
});

it("reads settings with docker's defaults", () => {
  expect(healthSettings(undefined, [])).toBeUndefined();
  expect(healthSettings(HealthConfig.fromPartial({ Test: ['NONE'] }), [])).toBeUndefined();
  expect(healthSettings(HealthConfig.fromPartial({ Test: ['CMD-SHELL', 'x y'] }), [])).toMatchObject({
    args: ['/bin/sh', '-c', 'x y'],
    interval: 30_000,
    timeout: 30_000,
    retries: 3,
  });
  expect(healthSettings(HealthConfig.fromPartial({ Test: ['CMD-SHELL', 'x'], Interval: 5_000_000n }), ['/bin/ash', '-ec'])).toMatchObject({
    args: ['/bin/ash', '-ec', 'x'],
    interval: 5,
  });
});

it('probes again and again until it is stopped, also when a probe cannot be run', async () => {
  const codes: number[] = [];
  let calls = 0;
  const monitors = new HealthMonitors(
    {
      now: () => '',
      probe: async () => {
        if (calls++ === 0) throw new Error('no such file');
        return { exitCode: 0, output: '' };
      },
      record: (_id, { exitCode }) => void codes.push(exitCode),
    },
    silentLogger,
  );
  const settings = healthSettings(HealthConfig.fromPartial({ Test: ['CMD', 'x'], Interval: 5_000_000n }), []);
  if (settings === undefined) throw new Error('no settings');
  monitors.start('id', settings, Date.now());
  for (let i = 0; i < 2000 && codes.length < 2; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  monitors.stopAll();
  const count = codes.length;
  expect(codes.slice(0, 2)).toEqual([-1, 0]);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(codes.length).toBe(count);
});
