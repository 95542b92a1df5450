import type { Health, HealthcheckResult } from '@gantry/api/gantry/engine/v1/types';
import type { HealthSettings } from './health';

/** Results that inspect shows. */
const KEPT = 5;

/** Health after one more result. A failure within the start period counts only when the container was healthy before. */
export function nextHealth(
  before: Health,
  result: HealthcheckResult,
  settings: Pick<HealthSettings, 'retries' | 'startPeriod'>,
  runningMs: number,
): Health {
  const log = [...before.Log, result].slice(-KEPT);
  if (result.ExitCode === 0n) return { Status: 'healthy', FailingStreak: 0n, Log: log };
  const graced = before.Status === 'starting' && runningMs < settings.startPeriod;
  const streak = graced ? before.FailingStreak : before.FailingStreak + 1n;
  return { Status: streak >= BigInt(settings.retries) ? 'unhealthy' : before.Status, FailingStreak: streak, Log: log };
}
