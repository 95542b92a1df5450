import { constants } from 'node:os';
import type { NativeLaunch } from './native';

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;

/** Passes our signals on to the container's process until it ends; answers its exit status. */
export async function waitInForeground(launch: NativeLaunch, pid: number): Promise<number> {
  const pass = (signal: NodeJS.Signals) => {
    try {
      process.kill(pid, constants.signals[signal]);
    } catch {
      /* it ended between the signal and us */
    }
  };
  for (const signal of forwarded) process.on(signal, pass);
  try {
    return await launch.ended;
  } finally {
    for (const signal of forwarded) process.off(signal, pass);
  }
}
