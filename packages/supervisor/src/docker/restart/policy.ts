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

/** Whether the policy starts a stopped container when the host, or its engine, came up: `always` then forgets that a user stopped it. */
export function shouldStartAtBoot(policy: RestartPolicy | undefined, ended: Ended): boolean {
  return policy?.Name === 'always' || shouldRestart(policy, ended);
}
