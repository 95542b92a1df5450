import type { RestartPolicy } from '@gantry/api/gantry/engine/v1/types';

export interface Ended {
  readonly exitCode: bigint;
  /** Restarts by the policy so far. */
  readonly restartCount: bigint;
  /** A user stopped it. */
  readonly manuallyStopped: boolean;
}

/** Whether the policy starts an ended container again. */
export function shouldRestart(policy: RestartPolicy | undefined, { exitCode, restartCount, manuallyStopped }: Ended): boolean {
  if (manuallyStopped) return false;
  switch (policy?.Name) {
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      return exitCode !== 0n && (policy.MaximumRetryCount === 0n || restartCount < policy.MaximumRetryCount);
    default:
      return false;
  }
}

/** Whether the policy starts a stopped container when the host came up: `always` then forgets that a user stopped it. */
export function shouldStartAtBoot(policy: RestartPolicy | undefined, ended: Ended): boolean {
  return policy?.Name === 'always' || shouldRestart(policy, ended);
}

const FIRST_MS = 100;
const LAST_MS = 60_000;
/** A container that ran this long (ms) starts with the first delay again. */
const SETTLED_MS = 10_000;

/** Milliseconds until the next start, doubling each time. */
export function nextDelay(previous: number | undefined, ranMs: number): number {
  if (previous === undefined || ranMs >= SETTLED_MS) return FIRST_MS;
  return Math.min(previous * 2, LAST_MS);
}
