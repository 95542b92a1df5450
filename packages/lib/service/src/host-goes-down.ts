import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Milliseconds that containers may take to stop with the host, whatever their own time-outs say, and to be gone after SIGKILL. */
export const HOST_GRACE_MS = 12_000;
export const GONE_MS = 3000;

/** systemd answers at once, but a host that ends everything is busy. */
const ANSWER_MS = 4000;

/** Where systemd is found; a test gives its own. */
export interface SystemdPlaces {
  /** There where systemd runs (sd_booted(3)). */
  readonly running: string;
  readonly systemctl: readonly [program: string, ...args: string[]];
}

const HOST: SystemdPlaces = { running: '/run/systemd/system', systemctl: ['systemctl'] };

/** Whether systemd, where it runs, is taking the system down: only then do containers end with their engine. */
export function hostGoesDown({ running, systemctl }: SystemdPlaces = HOST): Promise<boolean> {
  if (!existsSync(running)) return Promise.resolve(false);
  const [program, ...args] = systemctl;
  return new Promise((resolve) => {
    // The exit code only tells a running system from all others.
    execFile(program, [...args, 'is-system-running'], { timeout: ANSWER_MS }, (_error, stdout) => resolve(stdout.trim() === 'stopping'));
  });
}
